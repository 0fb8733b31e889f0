// What a component tells the server: numbered, and one request at a time.

const PATIENCE = 3000; // ms until an unanswered request is sent again, then twice as long
const flights = new Set(); // of all panels
let lastNumber = 0;

/** Returns a number larger than any before, also after the component was unmounted and mounted again. */
export function nextNumber() {
  lastNumber = Math.max(lastNumber + 1, Date.now());
  return lastNumber;
}

/**
 * Reports an event once: state, not a trigger, so that an overtaken run cannot lose it.
 * @param {View} view
 * @param {object} event
 */
export function report(view, event) {
  view.send("event", { ...event, seq: nextNumber() });
}

/** Returns true while no panel waits for an answer. */
export function quiet() {
  return flights.size === 0;
}

/**
 * Keeps one request in flight while the newest waits: keys that come faster than a run finishes would otherwise each
 * stop the run before them, and nothing would ever be drawn. What is not answered is sent again under its old number:
 * a server that is only slow then has nothing more to do.
 * @param {(request: any) => void} send
 */
export function oneInFlight(send) {
  /** @type {number | null} */
  let flying = null; // the number of the request
  /** @type {object | null} */
  let waiting = null;
  let timer = 0;
  const flight = {
    /** @param {object} value */
    offer: (value) => (flying === null ? launch(value) : (waiting = value)),
    /** @param {number} seq - the number of the newest request that was answered */
    acknowledge: (seq) => flying !== null && seq >= flying && land(),
    forget: () => (waiting = null),
    idle: () => flying === null,
    /** Takes back all that is on its way: its session is gone, and nobody will answer. */
    drop: () => {
      waiting = null;
      land();
    },
    stop: () => {
      clearTimeout(timer);
      flights.delete(flight);
    },
  };
  /** @param {object} value */
  const launch = (value) => {
    flying = nextNumber();
    waiting = null;
    flights.add(flight);
    attempt({ ...value, seq: flying }, PATIENCE);
  };
  /** @type {(request: object, patience: number) => void} */
  const attempt = (request, patience) => {
    clearTimeout(timer);
    timer = setTimeout(() => (waiting ? launch(waiting) : attempt(request, 2 * patience)), patience);
    send(request);
  };
  const land = () => {
    flying = null;
    flight.stop();
    if (waiting) launch(waiting);
  };
  return flight;
}
