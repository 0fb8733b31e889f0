// What the grids report, with the session and the model: what a page says that outlived them is about another screen.

import { report } from "../shared/sending.js";

/**
 * @param {View} view
 * @param {object} event
 */
export function tell(view, event) {
  report(view, { ...event, origin: view.data.origin });
}
