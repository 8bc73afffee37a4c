// Draws the charts in the colours of the page, and again when those change or the window does.
"use strict";
{
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = { displayModeBar: false, responsive: true, showTips: false };

  const layoutOf = (figure) => {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: color("--line"), linecolor: color("--line"), zerolinecolor: color("--line"), fixedrange: true };
    const narrow = window.innerWidth < 600;
    return {
      height: 320,
      margin: { l: narrow ? 48 : 64, r: 20, t: 8, b: 48 },
      ...figure.layout,
      autosize: true,
      dragmode: false,
      paper_bgcolor: color("--paper"),
      plot_bgcolor: color("--paper"),
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: color("--ink") },
      colorway: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => color(`--c${number}`)),
      hoverlabel: { bgcolor: color("--card"), bordercolor: color("--line"), font: { color: color("--ink") } },
      legend: { orientation: "h", x: 0, y: 1, xanchor: "left", yanchor: "bottom", traceorder: "normal", itemclick: false, itemdoubleclick: false },
      xaxis: { ...axis, ...figure.layout.xaxis, automargin: true },
      yaxis: { ...axis, ...figure.layout.yaxis, automargin: true },
    };
  };

  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const figure = charts[place.dataset.chart];
      place.parentElement.hidden = false;
      Plotly.react(place, figure.data, layoutOf(figure), config);
    }
  };

  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.matchMedia("(max-width: 599px)").addEventListener("change", draw);
}
