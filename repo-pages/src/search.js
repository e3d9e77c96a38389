// Searches while one types. Without this the form does the same.
"use strict";
const input = document.getElementById("q");
const results = document.getElementById("results");
const told = document.getElementById("told");
let timer;
let last = input.value;

async function search() {
  const text = input.value;
  if (text === last) return;
  last = text;
  const address = input.form.action + "?q=" + encodeURIComponent(text);
  const answer = await fetch(address).catch(() => null);
  if (!answer || !answer.ok || input.value !== text) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById("results");
  if (!found) return;
  results.replaceChildren(...found.childNodes);
  told.textContent = results.querySelector("p").textContent;
  history.replaceState(null, "", address);
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 250);
});
