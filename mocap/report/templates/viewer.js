// The 3D view, drawn with plain lines on a canvas: it needs no graphics card, prints, and works on any computer.
(function () {
  const holder = document.getElementById("view");
  if (!holder) return;
  const canvas = holder.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const scene = data.scene;
  const times = unpack(scene.t);
  const xyz = unpack(scene.xyz);
  const [frames, people, points] = scene.xyz.shape;
  const NEAR = 0.05; // m before the eye; nearer lines would turn inside out
  const LIMB = 0.032; // m, thickness of a limb
  const THICKEST = 9; // px
  const TRAIL_S = 1.2; // s of path shown behind hands and feet
  const OPENING = 1.5; // focal length over the shorter side of the canvas

  function point(frame, person, k) {
    const at = 3 * ((frame * people + person) * points + k);
    return Number.isNaN(xyz[at]) ? null : [xyz[at], xyz[at + 1], xyz[at + 2]];
  }
  function mean(frame, person, ks) {
    const sum = [0, 0, 0];
    for (const k of ks) {
      const p = point(frame, person, k);
      if (!p) return null;
      for (let i = 0; i < 3; i++) sum[i] += p[i] / ks.length;
    }
    return sum;
  }

  // A wild point must not decide how large everything else is drawn: the outermost hundredths do not count.
  function extent() {
    const low = [], high = [];
    for (let axis = 0; axis < 3; axis++) {
      const values = [];
      for (let i = axis; i < xyz.length; i += 3) if (!Number.isNaN(xyz[i])) values.push(xyz[i]);
      values.sort((a, b) => a - b);
      low.push(values[Math.floor(0.01 * (values.length - 1))]);
      high.push(values[Math.ceil(0.99 * (values.length - 1))]);
    }
    return [low, high];
  }
  const [low, high] = extent();
  const middle = low.map((v, i) => (v + high[i]) / 2);
  // What the first view must hold: the measured points, thinned, without the wild ones.
  const body = [];
  const THINNED = 3000;
  const skip = Math.max(1, Math.floor(xyz.length / 3 / THINNED));
  for (let i = 0; i < xyz.length; i += 3 * skip) {
    const p = [xyz[i], xyz[i + 1], xyz[i + 2]];
    if (p.every((v, axis) => v >= low[axis] && v <= high[axis])) body.push(p);
  }
  if (!body.length) body.push(middle);
  // Somebody who covers more ground than this is followed, or would be too small to see.
  const FOLLOW_M = 3;
  const follows = Math.hypot(high[0] - low[0], high[1] - low[1]) > FOLLOW_M;
  const SMOOTH = 8; // frames to either side, so that the room does not shake with the noise of the points
  // Where the bodies are, frame by frame; the last place known where nothing was measured.
  const places = (function () {
    const raw = [];
    for (let f = 0; f < frames; f++) {
      const known = [];
      for (let n = 0; n < people; n++) for (let k = 0; k < points; k++) { const p = point(f, n, k); if (p) known.push(p); }
      const add = (axis) => known.reduce((sum, p) => sum + p[axis], 0) / known.length;
      raw.push(known.length ? [add(0), add(1)] : raw.length ? raw[f - 1] : middle.slice(0, 2));
    }
    return raw.map((_, f) => {
      const part = raw.slice(Math.max(0, f - SMOOTH), f + SMOOTH + 1);
      return [0, 1].map((axis) => part.reduce((sum, p) => sum + p[axis], 0) / part.length);
    });
  })();
  const REACH = 0.75; // m around a followed body
  const around = [];
  for (const x of [-REACH, REACH]) for (const y of [-REACH, REACH]) for (const z of [low[2], high[2]]) around.push([x, y, z]);
  const FARTHEST = 15; // m; cameras beyond are drawn, but do not widen floor and view
  const near = scene.cameras.filter((c) => Math.hypot(c.centre[0] - middle[0], c.centre[1] - middle[1]) < FARTHEST);
  const room = body.concat(near.flatMap((c) => [c.centre, [c.centre[0], c.centre[1], 0]]));

  const eye = { yaw: 0, pitch: 0.2, distance: 5, target: middle.slice() };
  let width = 1, height = 1, frame = 0, playing = false, last = 0, look = "person", following = false;

  function project(p) {
    const cy = Math.cos(eye.yaw), sy = Math.sin(eye.yaw), cp = Math.cos(eye.pitch), sp = Math.sin(eye.pitch);
    const x = p[0] - eye.target[0], y = p[1] - eye.target[1], z = p[2] - eye.target[2];
    return [-sy * x + cy * y, -sp * (cy * x + sy * y) + cp * z, eye.distance - cp * (cy * x + sy * y) - sp * z];
  }
  function focal() { return OPENING * Math.min(width, height); }
  function screen(v) { return [width / 2 + (focal() * v[0]) / v[2], height / 2 - (focal() * v[1]) / v[2]]; }
  // A line in the world, cut at the near plane.
  function line(a, b) {
    let p = project(a), q = project(b);
    if (p[2] < NEAR && q[2] < NEAR) return null;
    if (p[2] < NEAR || q[2] < NEAR) {
      const s = (NEAR - p[2]) / (q[2] - p[2]);
      const cut = [p[0] + s * (q[0] - p[0]), p[1] + s * (q[1] - p[1]), NEAR];
      if (p[2] < NEAR) p = cut; else q = cut;
    }
    return [screen(p), screen(q), (p[2] + q[2]) / 2];
  }
  function stroke(a, b, colour, thick) {
    const l = line(a, b);
    if (!l) return;
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(l[0][0], l[0][1]);
    pen.lineTo(l[1][0], l[1][1]);
    pen.stroke();
  }

  function fit(cloud) {
    for (eye.distance = 1; eye.distance < 80; eye.distance *= 1.03) {
      const inside = cloud.every((p) => {
        const v = project(p);
        if (v[2] < NEAR) return false;
        const s = screen(v);
        return s[0] > 0.08 * width && s[0] < 0.92 * width && s[1] > 0.13 * height && s[1] < 0.9 * height;
      });
      if (inside) return;
    }
  }
  function setLook(name) {
    look = name;
    following = follows && people === 1 && ["person", "front", "side"].includes(name);
    eye.target = following ? [...places[frame], middle[2]] : middle.slice();
    const turn = { person: 0.6, front: 0, side: Math.PI / 2, top: 0, room: 0.6 }[name];
    eye.yaw = scene.facing + turn;
    eye.pitch = { person: 0.22, front: 0.05, side: 0.05, top: 1.55, room: 0.42 }[name];
    const bodyNow = around.map((p) => [eye.target[0] + p[0], eye.target[1] + p[1], p[2]]);
    fit(name === "room" || name === "top" ? room : following ? bodyNow : body);
    draw();
  }

  const floor = (function () {
    const xs = room.map((p) => p[0]), ys = room.map((p) => p[1]);
    return [Math.floor(Math.min(...xs)) - 1, Math.ceil(Math.max(...xs)) + 1, Math.floor(Math.min(...ys)) - 1, Math.ceil(Math.max(...ys)) + 1];
  })();
  function drawFloor() {
    const [x0, x1, y0, y1] = floor;
    const reach = Math.hypot(x1 - x0, y1 - y0) / 2;
    const fade = (x, y) => Math.max(0.08, 0.5 * (1 - Math.hypot(x - middle[0], y - middle[1]) / reach));
    for (let x = x0; x <= x1; x++) {
      for (let y = y0; y <= y1; y++) {
        if (x < x1) stroke([x, y, 0], [x + 1, y, 0], `rgba(${palette.grid},${fade(x + 0.5, y)})`, 1);
        if (y < y1) stroke([x, y, 0], [x, y + 1, 0], `rgba(${palette.grid},${fade(x, y + 0.5)})`, 1);
      }
    }
    [["x", [0.5, 0, 0]], ["y", [0, 0.5, 0]], ["z", [0, 0, 0.5]]].forEach(([name, tip]) => {
      stroke([0, 0, 0], tip, palette.soft, 1.5);
      label(name, tip, palette.soft, 4, 3);
    });
  }
  function label(text, p, colour, dx, dy) {
    const v = project(p);
    if (v[2] < NEAR) return;
    const s = screen(v);
    pen.fillStyle = colour;
    pen.fillText(text, s[0] + dx, s[1] + dy);
  }
  function drawCameras() {
    for (const camera of scene.cameras) {
      const c = camera.centre;
      pen.globalAlpha = 0.35;
      stroke(c, [c[0], c[1], 0], palette.camera, 1);
      pen.globalAlpha = 1;
      camera.corners.forEach((corner, i) => {
        stroke(c, corner, palette.camera, 1.3);
        stroke(corner, camera.corners[(i + 1) % 4], palette.camera, 1.3);
      });
      label(camera.name, c, palette.ink, 9, -7);
    }
  }
  function segments(person) {
    const list = [];
    for (const [a, b, side] of scene.bones) list.push([point(frame, person, a), point(frame, person, b), side]);
    for (const [a, b] of scene.spine) list.push([mean(frame, person, a), mean(frame, person, b), "middle"]);
    return list.filter((s) => s[0] && s[1]);
  }
  function drawPerson(person) {
    const parts = segments(person);
    drawShadow(parts);
    if (document.getElementById("trails").checked) drawTrails(person);
    const lines = parts.map(([a, b, side]) => [line(a, b), side]).filter((l) => l[0]);
    lines.sort((p, q) => q[0][2] - p[0][2]);
    for (const [[a, b, depth], side] of lines) {
      const thick = Math.min(THICKEST, Math.max(1.5, (LIMB * focal()) / depth));
      for (const [colour, extra] of [[palette.card, 2], [palette[side], 0]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick + extra;
        pen.beginPath();
        pen.moveTo(a[0], a[1]);
        pen.lineTo(b[0], b[1]);
        pen.stroke();
      }
    }
    if (people > 1) {
      const top = parts.map((s) => s[0]).sort((p, q) => q[2] - p[2])[0];
      if (top) label(scene.people[person], [top[0], top[1], top[2] + 0.15], palette.ink, 0, 0);
    }
  }
  // One stroke for all parts, or the joints would be darker where parts overlap.
  function drawShadow(parts) {
    pen.strokeStyle = palette.shadow;
    pen.lineWidth = Math.min(THICKEST, Math.max(1.5, (1.3 * LIMB * focal()) / eye.distance));
    pen.beginPath();
    for (const [a, b] of parts) {
      const l = line([a[0], a[1], 0], [b[0], b[1], 0]);
      if (!l) continue;
      pen.moveTo(l[0][0], l[0][1]);
      pen.lineTo(l[1][0], l[1][1]);
    }
    pen.stroke();
  }
  function drawTrails(person) {
    for (const k of scene.trails) {
      for (let f = frame; f > 0 && times[frame] - times[f] < TRAIL_S; f--) {
        const a = point(f, person, k), b = point(f - 1, person, k);
        if (!a || !b) continue;
        pen.globalAlpha = 0.55 * (1 - (times[frame] - times[f]) / TRAIL_S);
        stroke(a, b, palette.ink, 1.5);
      }
    }
    pen.globalAlpha = 1;
  }
  function draw() {
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.lineCap = "round";
    pen.font = "12px Inter, system-ui, sans-serif";
    drawFloor();
    drawCameras();
    for (let person = 0; person < people; person++) drawPerson(person);
  }

  const scrub = document.getElementById("scrub"), clock = document.getElementById("clock"), play = document.getElementById("play");
  scrub.max = frames - 1;
  function show(next) {
    const before = places[frame];
    frame = Math.min(frames - 1, Math.max(0, next));
    if (following) [0, 1].forEach((axis) => (eye.target[axis] += places[frame][axis] - before[axis]));
    scrub.value = frame;
    clock.textContent = `${times[frame].toFixed(2)} s · instant ${frame * scene.stride + 1}`;
    instant.t = times[frame];
    instant.followers.forEach((follow) => follow());
    draw();
  }
  function frameAt(t) {
    let lowest = 0, highest = frames - 1;
    while (lowest < highest) {
      const half = (lowest + highest + 1) >> 1;
      if (times[half] <= t) lowest = half; else highest = half - 1;
    }
    return lowest;
  }
  function setPlaying(on) {
    playing = on;
    play.textContent = on ? "❚❚" : "▶";
    play.setAttribute("aria-label", on ? "Pause" : "Play");
    if (on) {
      if (frame === frames - 1) show(0);
      clockTime = times[frame];
      last = performance.now();
      requestAnimationFrame(step);
    }
  }
  let clockTime = 0;
  function step(now) {
    if (!playing) return;
    clockTime += ((now - last) / 1000) * Number(document.getElementById("speed").value);
    last = now;
    if (clockTime > times[frames - 1]) clockTime = times[0];
    const next = frameAt(clockTime);
    if (next !== frame) show(next);
    requestAnimationFrame(step);
  }
  instant.set = (t) => { setPlaying(false); show(frameAt(t)); };

  play.addEventListener("click", () => setPlaying(!playing));
  scrub.addEventListener("input", () => { setPlaying(false); show(Number(scrub.value)); });
  document.getElementById("trails").addEventListener("change", draw);
  holder.querySelectorAll("[data-look]").forEach((b) => b.addEventListener("click", () => setLook(b.dataset.look)));
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === " ") setPlaying(!playing);
    else if (event.key in moves) { setPlaying(false); show(frame + moves[event.key]); }
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.9 : 1.1);
    else return;
    event.preventDefault();
  });

  function zoom(factor) { look = ""; eye.distance = Math.min(80, Math.max(0.5, eye.distance * factor)); draw(); }
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
    look = "";
    if (touches.size === 2) return zoom(wide / Math.max(1, spread()));
    if (event.shiftKey) {
      const scale = eye.distance / focal();
      eye.target[0] += scale * dx * Math.sin(eye.yaw);
      eye.target[1] -= scale * dx * Math.cos(eye.yaw);
      eye.target[2] += scale * dy;
    } else {
      eye.yaw -= dx * 0.008;
      eye.pitch = Math.min(1.55, Math.max(-0.3, eye.pitch + dy * 0.006));
    }
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => touches.delete(event.pointerId));
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
  redraws.push(draw);
  show(Math.floor(frames / 2));
  resize();
})();
