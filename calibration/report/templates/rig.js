"use strict";
// The rig, drawn with plain lines on a canvas: it needs no graphics card, prints, and works on any computer.
(function () {
  const scene = JSON.parse(document.getElementById("data").textContent);
  const holder = document.getElementById("view");
  const canvas = holder.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const NEAR = 0.02; // m before the eye; nearer lines would turn inside out
  const OPENING = 1.5; // focal length over the shorter side of the canvas
  const MOST_GRID = 40; // lines of the floor in one direction
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const boards = scene.boards.flat();
  const all = scene.cameras.flatMap((c) => [c.centre, ...c.corners]).concat(boards);
  const span = (axis) => { const v = all.map((p) => p[axis]); return [Math.min(...v), Math.max(...v)]; };
  const [xs, ys, zs] = [span(0), span(1), span(2)];
  const middle = [xs, ys, zs].map(([a, b]) => (a + b) / 2);
  const size = Math.max(0.3, Math.hypot(xs[1] - xs[0], ys[1] - ys[0], zs[1] - zs[0]));
  // The grid is drawn where it is near the rig; far below, it is nothing to look at.
  const ground = scene.grid_z;
  const grounded = zs[0] - ground < size;
  const room = grounded ? all.concat(scene.cameras.map((c) => [c.centre[0], c.centre[1], ground])) : all;

  const eye = { yaw: 0.6, pitch: 0.42, distance: 5, target: middle.slice() };
  let width = 1, height = 1, look = "room";

  function project(p) {
    const cy = Math.cos(eye.yaw), sy = Math.sin(eye.yaw), cp = Math.cos(eye.pitch), sp = Math.sin(eye.pitch);
    const x = p[0] - eye.target[0], y = p[1] - eye.target[1], z = p[2] - eye.target[2];
    return [-sy * x + cy * y, -sp * (cy * x + sy * y) + cp * z, eye.distance - cp * (cy * x + sy * y) - sp * z];
  }
  const focal = () => OPENING * Math.min(width, height);
  const screen = (v) => [width / 2 + (focal() * v[0]) / v[2], height / 2 - (focal() * v[1]) / v[2]];

  // A line in the world, cut at the near plane.
  function stroke(a, b, colour, thick, alpha = 1) {
    let p = project(a), q = project(b);
    if (p[2] < NEAR && q[2] < NEAR) return;
    if (p[2] < NEAR || q[2] < NEAR) {
      const s = (NEAR - p[2]) / (q[2] - p[2]);
      const cut = [p[0] + s * (q[0] - p[0]), p[1] + s * (q[1] - p[1]), NEAR];
      if (p[2] < NEAR) p = cut; else q = cut;
    }
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(...screen(p));
    pen.lineTo(...screen(q));
    pen.stroke();
    pen.globalAlpha = 1;
  }
  function fill(corners, colour, alpha) {
    const views = corners.map(project);
    if (views.some((v) => v[2] < NEAR)) return;
    pen.globalAlpha = alpha;
    pen.fillStyle = colour;
    pen.beginPath();
    views.forEach((v, i) => (i ? pen.lineTo(...screen(v)) : pen.moveTo(...screen(v))));
    pen.fill();
    pen.globalAlpha = 1;
  }
  function label(text, p, colour, dx, dy) {
    const v = project(p);
    if (v[2] < NEAR) return;
    const s = screen(v);
    pen.lineWidth = 3;
    pen.strokeStyle = style("--fill");
    pen.strokeText(text, s[0] + dx, s[1] + dy);
    pen.fillStyle = colour;
    pen.fillText(text, s[0] + dx, s[1] + dy);
  }

  function drawFloor() {
    const x0 = Math.floor(Math.min(xs[0], 0)) - 1, x1 = Math.ceil(Math.max(xs[1], 0)) + 1;
    const y0 = Math.floor(Math.min(ys[0], 0)) - 1, y1 = Math.ceil(Math.max(ys[1], 0)) + 1;
    const soft = style("--soft");
    if (grounded && x1 - x0 < MOST_GRID && y1 - y0 < MOST_GRID) {
      const reach = Math.hypot(x1 - x0, y1 - y0) / 2;
      const fade = (x, y) => Math.max(0.05, 0.4 * (1 - Math.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) / reach));
      for (let x = x0; x <= x1; x++) {
        for (let y = y0; y <= y1; y++) {
          if (x < x1) stroke([x, y, ground], [x + 1, y, ground], soft, 1, fade(x + 0.5, y));
          if (y < y1) stroke([x, y, ground], [x, y + 1, ground], soft, 1, fade(x, y + 0.5));
        }
      }
    }
    const long = Math.min(0.5, 0.2 * size);
    [["x", [long, 0, 0]], ["y", [0, long, 0]], ["z", [0, 0, long]]].forEach(([name, tip]) => {
      stroke([0, 0, 0], tip, style("--ink"), 2);
      label(name, tip, style("--ink"), 4, 3);
    });
  }
  function draw() {
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.lineCap = pen.lineJoin = "round";
    pen.font = "600 12px Inter, system-ui, sans-serif";
    const accent = style("--accent"), warm = style("--warm"), ink = style("--ink");
    drawFloor();
    for (const board of scene.boards) {
      fill(board, warm, 0.06);
      board.forEach((corner, i) => stroke(corner, board[(i + 1) % 4], warm, 1, 0.45));
    }
    for (const camera of scene.cameras) {
      const c = camera.centre;
      if (grounded) stroke(c, [c[0], c[1], ground], accent, 1, 0.35);
      if (camera.corners.length) fill(camera.corners, accent, 0.14);
      camera.corners.forEach((corner, i) => {
        stroke(c, corner, accent, 1.4);
        stroke(corner, camera.corners[(i + 1) % 4], accent, i ? 1.4 : 3);
      });
    }
    for (const camera of scene.cameras) label(camera.name, camera.centre, ink, 9, -8);
  }

  function fit() {
    for (eye.distance = 0.2 * size; eye.distance < 20 * size; eye.distance *= 1.03) {
      const inside = room.every((p) => {
        const v = project(p);
        if (v[2] < NEAR) return false;
        const s = screen(v);
        return s[0] > 0.07 * width && s[0] < 0.9 * width && s[1] > 0.12 * height && s[1] < 0.93 * height;
      });
      if (inside) return;
    }
  }
  function setLook(name) {
    look = name;
    eye.target = middle.slice();
    if (grounded) eye.target[2] = (zs[1] + ground) / 2;
    eye.yaw = { room: 0.6, front: 0, side: Math.PI / 2, top: -Math.PI / 2 }[name];
    eye.pitch = { room: 0.42, front: 0.03, side: 0.03, top: 1.55 }[name];
    fit();
    draw();
  }
  holder.querySelectorAll("[data-look]").forEach((b) => b.addEventListener("click", () => setLook(b.dataset.look)));

  function zoom(factor) {
    look = "";
    eye.distance = Math.min(20 * size, Math.max(0.05 * size, eye.distance * factor));
    draw();
  }
  function turn(dx, dy) {
    look = "";
    eye.yaw -= dx * 0.008;
    eye.pitch = Math.min(1.55, Math.max(-1.2, eye.pitch + dy * 0.006));
    draw();
  }
  const touches = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    touches.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = touches.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before[0], dy = event.clientY - before[1];
    const spread = () => { const [a, b] = [...touches.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
    const wide = touches.size === 2 ? spread() : 0;
    touches.set(event.pointerId, [event.clientX, event.clientY]);
    if (touches.size === 2) return zoom(wide / Math.max(1, spread()));
    if (!event.shiftKey) return turn(dx, dy);
    look = "";
    const scale = eye.distance / focal();
    eye.target[0] += scale * dx * Math.sin(eye.yaw);
    eye.target[1] -= scale * dx * Math.cos(eye.yaw);
    eye.target[2] += scale * dy;
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => touches.delete(event.pointerId));
  canvas.addEventListener("keydown", (event) => {
    const turns = { ArrowLeft: [-20, 0], ArrowRight: [20, 0], ArrowUp: [0, 20], ArrowDown: [0, -20] };
    if (event.key in turns) turn(...turns[event.key]);
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.9 : 1.1);
    else return;
    event.preventDefault();
  });
  // The wheel scrolls the page until the view was clicked.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(event.deltaY * 0.0012));
  }, { passive: false });

  function resize() {
    const ratio = devicePixelRatio || 1;
    width = holder.clientWidth;
    height = holder.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (look) setLook(look); else draw();
  }
  new ResizeObserver(resize).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", draw);
  addEventListener("afterprint", draw);
  resize();
})();
