// Lines over the steps of one game: [[name, color, dash, [y, ...]], ...] over [x, ...].
export default {
  template: `<canvas class="chart" role="img" :aria-label="label"></canvas>`,
  props: { label: String },
  mounted() {
    this.shown = null;
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.$el);
  },
  unmounted() { this.resized.disconnect(); },
  methods: {
    draw(shown) { this.shown = shown; this.paint(); },
    paint() {
      if (!this.shown) return;
      const canvas = this.$el, ratio = window.devicePixelRatio || 1;
      const width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width) return;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const c = canvas.getContext("2d"), { x, lines, least, most, steps } = this.shown;
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      const [left, right, top, bottom] = [38, 6, 18, 16];
      const at = (v) => left + v / Math.max(steps, 1) * (width - left - right);
      const share = (v) => (Math.max(least, Math.min(v, most)) - least) / (most - least);
      const up = (v) => height - bottom - share(v) * (height - top - bottom);
      c.font = "11px sans-serif";
      c.strokeStyle = "#c8c8c8";
      c.fillStyle = "#333333";
      c.lineWidth = 1;
      for (const v of [least, (least + most) / 2, most]) {
        c.beginPath();
        c.moveTo(left, up(v));
        c.lineTo(width - right, up(v));
        c.stroke();
        c.fillText(String(v), 4, up(v) + 4);
      }
      c.fillText("0", left, height - 3);
      const last = steps.toLocaleString("en") + " steps";
      c.fillText(last, width - right - c.measureText(last).width, height - 3);
      let from = left;
      for (const [name, color, dash, y] of lines) {
        c.strokeStyle = c.fillStyle = color;
        c.setLineDash(dash);
        c.lineWidth = 1.5;
        c.beginPath();
        y.forEach((v, i) => (i ? c.lineTo(at(x[i]), up(v)) : c.moveTo(at(x[i]), up(v))));
        c.stroke();
        c.beginPath();
        c.moveTo(from, 9);
        c.lineTo(from + 18, 9);
        c.stroke();
        c.setLineDash([]);
        c.fillText(name, from + 22, 13);
        from += 34 + c.measureText(name).width;
      }
    },
  },
};
