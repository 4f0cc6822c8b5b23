// The curves of the joint angles.
(function () {
  const holders = [...document.querySelectorAll("[data-plot]")];
  if (!holders.length) return;
  const t = unpack(data.angles.t);
  const plots = data.angles.plots.map((plot) => ({
    ...plot,
    curves: plot.curves.map((c) => ({ side: c.side, value: unpack(c.value), sigma: unpack(c.sigma) })),
  }));
  const CURSOR_MS = 90; // the marks of the instant follow at most this often, so that playing stays smooth

  const PAPER_PX = 325; // half the width of an A4 page: on paper nothing measures itself
  const DENSE = 1200; // samples; dashes of longer curves would be a blur

  // One closed outline for each stretch without a gap.
  function band(curve) {
    const x = [], y = [];
    const known = (i) => i < t.length && Number.isFinite(curve.value[i]) && Number.isFinite(curve.sigma[i]);
    for (let i = 0; i < t.length; i++) {
      if (!known(i)) continue;
      let end = i;
      while (known(end + 1)) end++;
      for (let k = i; k <= end; k++) { x.push(t[k]); y.push(curve.value[k] + curve.sigma[k]); }
      for (let k = end; k >= i; k--) { x.push(t[k]); y.push(curve.value[k] - curve.sigma[k]); }
      x.push(null); y.push(null);
      i = end;
    }
    return { x, y };
  }
  // Values between two gaps would be invisible as a line.
  function lonely(curve) {
    const alone = (i) => Number.isFinite(curve.value[i]) && !Number.isFinite(curve.value[i - 1]) && !Number.isFinite(curve.value[i + 1]);
    return Array.from(curve.value.keys()).filter(alone);
  }
  function tint(hex, alpha) {
    return `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},${alpha})`;
  }
  function traces(plot) {
    return plot.curves.flatMap((curve) => {
      const colour = palette[curve.side];
      const name = { left: "Left", right: "Right", middle: "Angle" }[curve.side];
      const style = { color: colour, width: 2, dash: curve.side === "right" && t.length < DENSE ? "6px,2px" : "solid" };
      const dots = lonely(curve);
      return [
        { ...band(curve), fill: "toself", fillcolor: tint(colour, 0.2), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
        { x: t, y: curve.value, mode: "lines", name, line: style, connectgaps: false, customdata: curve.sigma, showlegend: curve.side !== "middle",
          hovertemplate: "%{y:.1f}° ± %{customdata:.1f}°" },
        { x: dots.map((i) => t[i]), y: dots.map((i) => curve.value[i]), mode: "markers", marker: { color: colour, size: 4 }, hoverinfo: "skip", showlegend: false },
      ];
    });
  }
  const cursor = () => [{ type: "line", x0: instant.t, x1: instant.t, yref: "paper", y0: 0, y1: 1, line: { color: palette.soft, width: 1, dash: "dot" } }];
  function layout() {
    const axis = { gridcolor: palette.line, zeroline: false, linecolor: palette.line, tickfont: { size: 11 }, automargin: true, fixedrange: false };
    return {
      ...(printing ? { width: PAPER_PX } : { autosize: true }),
      margin: { l: 44, r: 8, t: 6, b: 36 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "Inter, system-ui, sans-serif", size: 12, color: palette.soft }, hovermode: "x unified",
      hoverlabel: { bgcolor: palette.card, bordercolor: palette.line, font: { color: palette.ink } },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom", font: { size: 12, color: palette.ink } },
      xaxis: { ...axis, title: { text: "time, s", standoff: 4 }, range: [t[0], t[t.length - 1]], hoverformat: ".2f", ticksuffix: "" },
      yaxis: { ...axis, ticksuffix: "°" }, shapes: cursor(), showlegend: true,
    };
  }
  const config = { displayModeBar: false };
  function draw() {
    holders.forEach((holder) => Plotly.react(holder, traces(plots[holder.dataset.plot]), layout(), config));
  }
  draw();
  // Also when only the column changes its width, which is no event of the window.
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => Plotly.Plots.resize(entry.target)));
  holders.forEach((holder) => sizes.observe(holder));
  holders.forEach((holder) => holder.on("plotly_click", (event) => instant.set && instant.set(event.points[0].x)));
  let waiting = false;
  instant.followers.push(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      holders.forEach((holder) => Plotly.relayout(holder, { shapes: cursor() }));
    }, CURSOR_MS);
  });
  redraws.push(draw);
})();
