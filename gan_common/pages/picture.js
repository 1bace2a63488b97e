// A field to draw in, or to drop a picture's file on.  Emits "drawn" with a PNG as a data URL, and "dropped"
// with the name of a file that the server has.
export default {
  template: `
    <div>
      <canvas ref="canvas" v-if="draws" width="280" height="280" role="img" :aria-label="label"
        style="width: 100%; max-width: 280px; aspect-ratio: 1; touch-action: none; border: 1px solid #767676; display: block"
        @pointerdown="begin" @pointermove="go_on" @pointerup="end" @pointercancel="end"
        @dragover.prevent @drop.prevent="drop"></canvas>
      <label style="display: block; margin-top: 0.5rem; border: 1px dashed #767676; border-radius: 4px; padding: 0.5rem"
        @dragover.prevent @drop.prevent="drop">
        <span>{{ ask }}</span>
        <input type="file" style="display: block; max-width: 100%" @change="choose">
      </label>
    </div>`,
  props: { label: String, ask: String, url: String, draws: Boolean, dark: Boolean },
  mounted() { this.clear(); },
  methods: {
    clear() {
      if (!this.draws) return;
      const context = this.$refs.canvas.getContext("2d");
      context.fillStyle = this.dark ? "black" : "white";
      context.fillRect(0, 0, 280, 280);
      this.at = null;
    },
    place(event) {
      const box = this.$refs.canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * 280 / box.width, (event.clientY - box.top) * 280 / box.height];
    },
    begin(event) {
      this.$refs.canvas.setPointerCapture(event.pointerId);
      this.at = this.place(event);
      this.line(this.at);
    },
    go_on(event) { if (this.at) this.line(this.place(event)); },
    line(to) {
      const context = this.$refs.canvas.getContext("2d");
      context.strokeStyle = this.dark ? "white" : "black";
      context.lineWidth = 22;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(...this.at);
      context.lineTo(...to);
      context.stroke();
      this.at = to;
    },
    end() {
      if (!this.at) return;
      this.at = null;
      this.$emit("drawn", this.$refs.canvas.toDataURL("image/png"));
    },
    choose(event) { this.send(event.target.files[0]); event.target.value = ""; },
    drop(event) { this.send(event.dataTransfer.files[0]); },
    async send(file) {
      if (!file) return;
      let told;
      try {
        const answer = await fetch(this.url, { method: "POST", body: file });
        told = await answer.json();
      } catch (error) {
        told = { trouble: "the picture did not arrive; is the server still running?" };
      }
      this.$emit("dropped", { ...told, name: file.name });
    },
  },
};
