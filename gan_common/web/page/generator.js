// The page of a generator: a gallery, sliders along directions, classes, and a walk between two latents.
import { open, paint } from "./network.js";
import { between, kept, latent, random } from "./latents.js";

const SHOWN = 12;
const SECONDS = 3; // from A to B
const id = (name) => document.getElementById(name);

open(async (network) => {
  const { latent_dim: dim, latent: distribution, image_shape: shape, class_names: names, directions } = network.facts;
  const size = shape.reduce((a, b) => a * b, 1);
  const conditional = network.facts.inputs.length > 1;
  const limited = distribution === "normal";
  let base, label = 0, moved = directions.map(() => 0);
  let a, b, gallery, playing = false, wanted = false, drawing = false;

  const limit = () => (limited ? Number(id("truncation").value) : Infinity);
  const shown = () => kept(
    base.map((value, i) => value + moved.reduce((sum, step, k) => sum + step * directions[k].vector[i], 0)),
    distribution, limit() === 3 ? Infinity : limit());
  // Images of latents, as values in [0, 255].
  const images = async (latents, labels) => {
    const inputs = [latents.flat(), ...(conditional ? [labels] : [])];
    return (await network.run(inputs)).map((value) => (value + 1) * 127.5);
  };
  const one = async (canvas, z, of) => paint(canvas, await images([z], [of]), shape);

  // Draws what the page now says; what is said meanwhile is drawn after it, once.
  const draw = async () => {
    wanted = true;
    if (drawing) return;
    drawing = true;
    while (wanted) {
      wanted = false;
      const start = performance.now();
      await one(id("image"), shown(), label);
      id("time").textContent = `${(performance.now() - start).toFixed(1)} ms for this image`;
    }
    drawing = false;
  };

  const fillGallery = async () => {
    const source = random(Number(id("seed").value));
    gallery = Array.from({ length: SHOWN }, () => latent(source, dim, distribution));
    const found = await images(gallery, gallery.map(() => label));
    id("gallery").replaceChildren(...gallery.map((z, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.ariaLabel = `Latent ${i + 1}`;
      button.ariaPressed = String(base === z);
      const canvas = document.createElement("canvas");
      paint(canvas, found, shape, i * size);
      button.append(canvas);
      button.addEventListener("click", () => choose(z));
      return button;
    }));
  };
  const choose = (z) => {
    base = z;
    stop();
    reset();
    [...id("gallery").children].forEach((button, i) => { button.ariaPressed = String(gallery[i] === z); });
    draw();
  };

  const reset = () => {
    moved = directions.map(() => 0);
    directions.forEach((_, k) => {
      id(`direction-${k}`).value = 0;
      id(`direction-value-${k}`).textContent = "0.0";
    });
  };
  id("directions").replaceChildren(...directions.map(({ share }, k) => {
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = `<label for="direction-${k}">Direction ${k + 1} (${Math.round(100 * share)}%)</label>
      <input id="direction-${k}" type="range" min="-4" max="4" step="0.1" value="0">
      <output id="direction-value-${k}" for="direction-${k}">0.0</output>`;
    row.querySelector("input").addEventListener("input", (event) => {
      moved[k] = Number(event.target.value);
      id(`direction-value-${k}`).textContent = moved[k].toFixed(1);
      draw();
    });
    return row;
  }));
  const tellTruncation = () => {
    id("truncation-value").textContent = limit() === 3 ? "off" : `±${limit().toFixed(2)}`;
  };
  id("truncation-row").hidden = !limited;
  id("truncation").addEventListener("input", () => { tellTruncation(); draw(); });
  id("reset").addEventListener("click", () => {
    reset();
    id("truncation").value = 3;
    tellTruncation();
    draw();
  });

  id("classes").hidden = !conditional;
  id("classes").querySelector(".classes").replaceChildren(...(conditional ? names : []).map((name, k) => {
    const box = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "class", value: k, checked: k === label });
    input.addEventListener("change", async () => {
      label = k;
      draw();
      await fillGallery();
      await ends();
    });
    box.append(input, name);
    return box;
  }));

  // The walk: its ends, the place between them, and playing to and fro.
  const ends = async () => {
    await one(id("a"), a, label);
    await one(id("b"), b, label);
  };
  const walk = (t) => {
    id("place").value = t;
    base = between(a, b, t, distribution);
    return draw();
  };
  const stop = () => {
    playing = false;
    id("play").textContent = "Play";
    id("play").ariaPressed = "false";
  };
  id("set-a").addEventListener("click", () => { a = shown(); ends(); });
  id("set-b").addEventListener("click", () => { b = shown(); ends(); });
  id("place").addEventListener("input", (event) => { stop(); reset(); walk(Number(event.target.value)); });
  id("play").addEventListener("click", async () => {
    if (playing) { stop(); return; }
    playing = true;
    id("play").textContent = "Stop";
    id("play").ariaPressed = "true";
    reset();
    const begun = performance.now();
    let frames = 0, counted = begun;
    while (playing) {
      const now = await new Promise(requestAnimationFrame);
      const t = (Math.max(0, now - begun) / 1000 / SECONDS) % 2;
      await walk(t > 1 ? 2 - t : t);
      frames += 1;
      if (performance.now() - counted > 1000) {
        id("rate").textContent = `${(frames / (performance.now() - counted) * 1000).toFixed(0)} images a second`;
        [frames, counted] = [0, performance.now()];
      }
    }
  });

  id("another").addEventListener("click", () =>
    choose(latent(random(Math.floor(Math.random() * 4294967296)), dim, distribution)));
  id("seed").addEventListener("change", fillGallery);
  id("more").addEventListener("click", () => {
    id("seed").value = (Number(id("seed").value) + 1) % 4294967296;
    fillGallery();
  });
  id("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = id("image").toDataURL("image/png");
    link.download = "generated.png";
    link.click();
  });

  const source = random(Number(id("seed").value));
  [a, b] = [latent(source, dim, distribution), latent(source, dim, distribution)];
  tellTruncation();
  await fillGallery();
  choose(gallery[0]);
  await ends();
});
