// The page of a classifier: a field to draw in, what the network sees of it, and the probability of each class.
import { open, paint } from "./network.js";

const STEP = 10; // of the pen by keyboard, in the field's pixels
const LARGEST = 4096; // side in pixels to which a larger image is reduced before it is looked at
const id = (name) => document.getElementById(name);

open(async (network) => {
  const { image_shape: [height, width, channels], class_names: names, centered } = network.facts;
  const field = id("field"), pen = field.getContext("2d", { willReadFrequently: true });
  const cursor = { x: field.width / 2, y: field.height / 2, down: false };
  let last = null, empty = true, asked = 0;

  id("center").checked = centered;
  id("color-row").hidden = channels !== 3;

  const clear = () => {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, field.width, field.height);
    empty = true;
    asked += 1; // what is still being computed is not shown
    id("said").textContent = "Nothing is drawn yet.";
    show(names.map(() => 0));
    paint(id("seen"), new Float32Array(height * width * channels), [height, width, channels]);
  };

  // The field at the size of the training images: values in [0, 255], (height, width, channels).
  const seen = () => {
    const box = id("center").checked ? inkBox() : null;
    const small = document.createElement("canvas");
    [small.width, small.height] = [width, height];
    const to = small.getContext("2d", { willReadFrequently: true });
    to.fillStyle = "#000";
    to.fillRect(0, 0, width, height);
    to.imageSmoothingQuality = "high";
    if (box) { // LeCun et al. 1998, section III: into a box of 20 of 28 pixels, its center of mass in the middle
      const scale = (20 / 28) * Math.min(width, height) / Math.max(box.width, box.height);
      reduced(to, box.x, box.y, box.width, box.height, width / 2 - (box.meanX - box.x) * scale,
        height / 2 - (box.meanY - box.y) * scale, box.width * scale, box.height * scale);
    } else {
      reduced(to, 0, 0, field.width, field.height, 0, 0, width, height);
    }
    const bytes = to.getImageData(0, 0, width, height).data;
    const values = new Float32Array(height * width * channels);
    for (let pixel = 0; pixel < height * width; pixel++) {
      const [r, g, b] = bytes.subarray(4 * pixel, 4 * pixel + 3);
      if (channels === 3) values.set([r, g, b], 3 * pixel);
      else values[pixel] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    }
    return values;
  };
  // Draws a part of the field, halved as often as it takes: at once a browser skips pixels.
  const reduced = (to, x, y, w, h, toX, toY, toW, toH) => {
    let from = document.createElement("canvas");
    [from.width, from.height] = [Math.ceil(w), Math.ceil(h)];
    from.getContext("2d").drawImage(field, x, y, w, h, 0, 0, from.width, from.height);
    while (from.width >= 2 * toW && from.height >= 2 * toH) {
      const half = document.createElement("canvas");
      [half.width, half.height] = [Math.ceil(from.width / 2), Math.ceil(from.height / 2)];
      half.getContext("2d").drawImage(from, 0, 0, half.width, half.height);
      from = half;
    }
    to.drawImage(from, 0, 0, from.width, from.height, toX, toY, toW, toH);
  };
  // Where there is ink, and its center of mass; null where there is none.
  const inkBox = () => {
    const { data } = pen.getImageData(0, 0, field.width, field.height);
    let [left, top, right, bottom, sum, sumX, sumY] = [Infinity, Infinity, -1, -1, 0, 0, 0];
    for (let y = 0; y < field.height; y++) {
      for (let x = 0; x < field.width; x++) {
        const at = 4 * (y * field.width + x), ink = data[at] + data[at + 1] + data[at + 2];
        if (ink > 90) {
          [left, right] = [Math.min(left, x), Math.max(right, x)];
          [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
          [sum, sumX, sumY] = [sum + ink, sumX + ink * x, sumY + ink * y];
        }
      }
    }
    if (right < 0) return null;
    return { x: left, y: top, width: right - left + 1, height: bottom - top + 1, meanX: sumX / sum, meanY: sumY / sum };
  };

  const show = (probabilities) => {
    const best = probabilities.indexOf(Math.max(...probabilities));
    [...id("bars").children].forEach((row, k) => {
      row.className = k === best && !empty ? "best" : "";
      row.querySelector(".bar > div").style.width = `${100 * probabilities[k]}%`;
      row.lastChild.textContent = empty ? "" : `${(100 * probabilities[k]).toFixed(1)}%`;
    });
    return best;
  };
  const classify = async () => {
    if (empty) return;
    const mine = ++asked, values = seen();
    paint(id("seen"), values, [height, width, channels]);
    const start = performance.now();
    const probabilities = [...await network.run([values])];
    if (mine !== asked) return;
    const best = show(probabilities);
    id("said").textContent = `${names[best]}, ${(100 * probabilities[best]).toFixed(1)}%`;
    id("time").textContent = `${(performance.now() - start).toFixed(1)} ms for this image`;
  };

  const line = (from, to) => {
    pen.strokeStyle = channels === 3 ? id("color").value : "#fff";
    pen.lineWidth = field.width / 14;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x + 0.01, to.y);
    pen.stroke();
    empty = false;
    classify();
  };
  const place = (event) => {
    const box = field.getBoundingClientRect();
    return {
      x: (event.clientX - box.left) / box.width * field.width,
      y: (event.clientY - box.top) / box.height * field.height,
    };
  };
  field.addEventListener("pointerdown", (event) => {
    field.setPointerCapture(event.pointerId);
    last = place(event);
    line(last, last);
  });
  field.addEventListener("pointermove", (event) => {
    if (!last) return;
    const now = place(event);
    line(last, now);
    last = now;
  });
  for (const end of ["pointerup", "pointercancel"]) field.addEventListener(end, () => { last = null; });

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  field.addEventListener("keydown", (event) => {
    if (event.key in moves) {
      const from = { ...cursor }, [x, y] = moves[event.key];
      cursor.x = Math.min(field.width, Math.max(0, cursor.x + STEP * x));
      cursor.y = Math.min(field.height, Math.max(0, cursor.y + STEP * y));
      if (cursor.down) line(from, cursor);
    } else if (event.key === " ") {
      cursor.down = !cursor.down;
      if (cursor.down) line(cursor, cursor);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
    const pen = cursor.down ? "down" : "up", [x, y] = [cursor.x, cursor.y].map(Math.round);
    field.ariaLabel = `Drawing field, pen ${pen}, ${x} from the left, ${y} from the top`;
  });

  // An image file: its middle square, onto the field.
  const read = async (file) => {
    if (!file) return;
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      id("said").textContent = `${file.name}: this browser cannot read it as an image.`;
      return;
    }
    const side = Math.min(image.width, image.height);
    clear();
    const scale = field.width / side, w = image.width * scale, h = image.height * scale;
    pen.filter = id("invert").checked ? "invert(1)" : "none";
    let from = image;
    if (side > LARGEST) {
      from = await createImageBitmap(image, { resizeWidth: Math.round(w), resizeHeight: Math.round(h) });
    }
    pen.imageSmoothingQuality = "high";
    pen.drawImage(from, (field.width - w) / 2, (field.height - h) / 2, w, h);
    pen.filter = "none";
    empty = false;
    classify();
  };
  id("file").addEventListener("change", (event) => {
    read(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  document.addEventListener("drop", (event) => read(event.dataTransfer.files[0]));

  id("clear").addEventListener("click", clear);
  id("center").addEventListener("change", classify);
  id("bars").replaceChildren(...names.map((name) => {
    const row = document.createElement("tr");
    row.innerHTML = '<th scope="row"></th><td><div class="bar"><div></div></div></td><td></td>';
    row.firstChild.textContent = name;
    return row;
  }));
  const longest = Math.min(18, Math.max(...names.map((name) => name.length)));
  id("bars").parentElement.style.setProperty("--longest", longest); // of the first column, in characters
  clear();
});
