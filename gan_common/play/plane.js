// The plane of one game: D's surface, real and generated samples, where G's loss sends these; a field to draw in.
const REAL = "#0b6e4f", FAKE = "#6a1b9a", PULL = "#b3261e", INK = "#333333";

function color(byte) {
  // from violet (D: generated) over white to green (D: real)
  const t = byte / 255, far = Math.abs(2 * t - 1);
  const [r, g, b] = t < 0.5 ? [178, 132, 214] : [110, 190, 150];
  return [255 + (r - 255) * far, 255 + (g - 255) * far, 255 + (b - 255) * far];
}

export default {
  template: `<canvas class="plane" :tabindex="drawing ? 0 : -1" role="img" :aria-label="label"
    @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="up" @keydown="key"></canvas>`,
  props: { drawing: Boolean, label: String },
  data() { return { held: null, cursor: [0, 0] }; },
  mounted() {
    this.shown = null;
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.$el);
  },
  unmounted() { this.resized.disconnect(); },
  watch: { drawing() { this.paint(); } },
  methods: {
    draw(shown) {
      if (shown.world) this.world = shown.world;
      this.shown = shown;
      this.paint();
      this.$emit("drawn", shown.number);
    },
    paint() {
      if (!this.shown) return;
      const canvas = this.$el, side = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
      if (!side) return;
      if (canvas.width !== Math.round(side * ratio)) canvas.width = canvas.height = Math.round(side * ratio);
      const c = canvas.getContext("2d"), s = this.shown;
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      c.clearRect(0, 0, side, side);
      // Coordinates come as integers: thousandths of the reach.
      const at = (v) => (v / 1000 + 1) * side / 2, up = (v) => side - at(v);
      if (s.surface) this.heat(c, s.surface, side);
      c.fillStyle = REAL;
      for (let i = 0; i < this.world.real.length; i += 2)
        c.fillRect(at(this.world.real[i]) - 1, up(this.world.real[i + 1]) - 1, 2, 2);
      c.strokeStyle = REAL;
      c.lineWidth = 1.5;
      const centres = s.centres || this.world.centres, r = Math.max(6, this.world.sigma * side / 2000 * 3);
      for (let i = 0; i < centres.length; i += 2) {
        c.beginPath();
        c.arc(at(centres[i]), up(centres[i + 1]), r, 0, 2 * Math.PI);
        c.stroke();
      }
      c.fillStyle = FAKE;
      for (let i = 0; i < s.samples.length; i += 2)
        c.fillRect(at(s.samples[i]) - 1.2, up(s.samples[i + 1]) - 1.2, 2.4, 2.4);
      c.strokeStyle = c.fillStyle = PULL;
      c.lineWidth = 1;
      for (let i = 0; i < s.pulls.length; i += 4) {
        const [x, y] = [at(s.pulls[i]), up(s.pulls[i + 1])];
        const [dx, dy] = [s.pulls[i + 2] * side / 2000, -s.pulls[i + 3] * side / 2000];
        const length = Math.hypot(dx, dy);
        if (length < 1.5) continue;
        const [ux, uy] = [dx / length, dy / length], head = Math.min(5, length);
        c.beginPath();
        c.moveTo(x, y);
        c.lineTo(x + dx, y + dy);
        c.stroke();
        c.beginPath();
        c.moveTo(x + dx, y + dy);
        c.lineTo(x + dx - head * (ux + uy / 2), y + dy - head * (uy - ux / 2));
        c.lineTo(x + dx - head * (ux - uy / 2), y + dy - head * (uy + ux / 2));
        c.fill();
      }
      if (s.note) {
        c.fillStyle = INK;
        c.font = "13px sans-serif";
        c.fillText(s.note, 8, side - 10);
      }
      if (this.drawing) {
        c.strokeStyle = INK;
        c.setLineDash([3, 3]);
        const [x, y] = [(this.cursor[0] + 1) * side / 2, (1 - this.cursor[1]) * side / 2];
        c.strokeRect(x - 7, y - 7, 14, 14);
        c.setLineDash([]);
      }
    },
    heat(c, surface, side) {
      const bytes = Uint8Array.from(atob(surface), (x) => x.charCodeAt(0)), n = Math.round(Math.sqrt(bytes.length));
      const image = new ImageData(n, n);
      for (let i = 0; i < bytes.length; i++) {
        const row = n - 1 - Math.floor(i / n);
        image.data.set([...color(bytes[i]), 255], 4 * (row * n + i % n));
      }
      this.small = this.small || document.createElement("canvas");
      this.small.width = this.small.height = n;
      this.small.getContext("2d").putImageData(image, 0, 0);
      // The lattice's outer places lie on the plane's edge.
      const cell = side / (n - 1);
      c.imageSmoothingEnabled = true;
      c.drawImage(this.small, -cell / 2, -cell / 2, side + cell, side + cell);
    },
    put(x, y) {
      if (Math.abs(x) > 0.97 || Math.abs(y) > 0.97) return;
      this.held = [x, y];
      this.$emit("put", [x, y]);
    },
    place(event) {
      const box = this.$el.getBoundingClientRect();
      return [2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height];
    },
    down(event) {
      if (!this.drawing) return;
      this.$el.setPointerCapture(event.pointerId);
      this.put(...this.place(event));
    },
    move(event) {
      if (!this.drawing || !this.held) return;
      const [x, y] = this.place(event);
      if (Math.hypot(x - this.held[0], y - this.held[1]) > 0.12) this.put(x, y);
    },
    up() { this.held = null; },
    key(event) {
      if (!this.drawing) return;
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (by) this.cursor = this.cursor.map((v, i) => Math.max(-0.9, Math.min(0.9, v + 0.1 * by[i])));
      else if (event.key === "Enter" || event.key === " ") { this.put(...this.cursor); this.held = null; }
      else return;
      event.preventDefault();
      this.paint();
    },
  },
};
