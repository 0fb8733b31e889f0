// Begins: reads the data of the page and draws its parts.

function start() {
  const data = JSON.parse(document.getElementById("data")?.textContent ?? "null");
  const title = document.createElement("h1");
  title.textContent = data.title;
  const tokens = document.createElement("p");
  tokens.textContent = data.tokens.map((id) => data.labels[id]).join("·");
  document.body.append(title, tokens);
}

start();
