// A row's numbers in at most eight characters each, which is what its columns hold; the row's title has all digits.

/** A logit, finite: differences between rows matter, so all have the same places, and large ones fewer. */
export function brief(logit) {
  const size = Math.abs(logit);
  if (size >= 99999.5) return logit.toExponential(1).replace("-", "−");
  const places = size >= 999.5 ? 0 : size >= 99.95 ? 1 : size >= 9.995 ? 2 : 3;
  return logit.toFixed(places).replace("-", "−");
}

/** A difference in percentage points, with its sign. */
export function signed(points) {
  const text = Math.abs(points).toFixed(1);
  return text === "0.0" ? "0.0" : `${points > 0 ? "+" : "−"}${text}`;
}
