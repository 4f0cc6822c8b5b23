"use strict";
// What all drawings share: the data, the colours, and the instant that is shown.
const data = JSON.parse(document.getElementById("data").textContent);

function unpack(array) {
  const bytes = Uint8Array.from(atob(array.data), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

const PALETTES = {
  light: { ink: "#14181f", soft: "#5a6472", line: "#dde2e9", card: "#ffffff", left: "#0072b2", right: "#d55e00",
    middle: "#6b7480", camera: "#3457d5", grid: "90,100,114", shadow: "rgba(20,24,31,.13)" },
  dark: { ink: "#e9edf2", soft: "#98a3b1", line: "#2a313a", card: "#171b21", left: "#56b4e9", right: "#e69f00",
    middle: "#aab4c0", camera: "#8aa4ff", grid: "150,162,178", shadow: "rgba(0,0,0,.45)" },
};
const darkScreen = matchMedia("(prefers-color-scheme: dark)");
let palette = PALETTES[darkScreen.matches ? "dark" : "light"];

const redraws = [];
let printing = false;
function paint(name, onPaper = false) {
  printing = onPaper;
  palette = PALETTES[name];
  redraws.forEach((draw) => draw());
}
darkScreen.addEventListener("change", () => paint(darkScreen.matches ? "dark" : "light"));
addEventListener("beforeprint", () => paint("light", true));
addEventListener("afterprint", () => paint(darkScreen.matches ? "dark" : "light"));

// The instant is a time in seconds; the viewer sets it, the curves show it, a click on a curve sets it too.
const instant = { t: 0, followers: [], set: null };
