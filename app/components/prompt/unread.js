// Streamlit may take the box away while one types, and put a new one in its place with what the server had by then.

/** @type {{ session: string, rev: number, text: string } | null} */
let unread = null; // what stood in a box that was taken away before the server had it

/** Keeps what the server has not yet of a box that is taken away. */
export function remember(view) {
  const { session, rev, area } = view;
  unread = view.flight.idle() && !view.tooLong ? null : { session, rev, text: area.value };
}

/** Brings back what the box before had and the server has not, unless it has got another text since; tells if it did. */
export function takeUp(view, session) {
  const left = unread;
  unread = null;
  if (!left || left.text === view.area.value || (left.session === session && left.rev !== view.rev)) return false;
  view.area.value = left.text;
  return true;
}
