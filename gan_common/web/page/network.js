// The network of this page: model.onnx, run by onnxruntime-web on one thread, and what model.json says of it.
import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more need headers that a plain web server does not send
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

export class Network {
  // Fetches both files and runs the example of model.json; `difference` is how far its output is from Keras's.
  static async load() {
    const network = new Network();
    const answer = await fetch("model.json");
    if (!answer.ok) throw new Error(`model.json: ${answer.status} ${answer.statusText}`);
    network.facts = await answer.json();
    network.session = await ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] });
    network.last = Promise.resolve();
    const { inputs, output } = network.facts.example;
    const found = await network.run(inputs);
    network.difference = Math.max(...output.map((value, i) => Math.abs(value - found[i])));
    return network;
  }

  // One array of numbers for each input, of one or more rows → the output's numbers.  Calls wait for each other.
  run(inputs) {
    const feeds = {};
    this.facts.inputs.forEach((input, i) => {
      const of = input.dtype === "int32" ? Int32Array : Float32Array;
      const size = input.shape.reduce((a, b) => a * b, 1);
      feeds[this.session.inputNames[i]] = new ort.Tensor(
        input.dtype, of.from(inputs[i]), [inputs[i].length / size, ...input.shape]);
    });
    const result = this.last.then(() => this.session.run(feeds));
    this.last = result.catch(() => undefined);
    return result.then((outputs) => outputs[this.session.outputNames[0]].data);
  }
}

// Shows what was loaded, or in one sentence why it could not be; `start(network)` fills the page.
export async function open(start) {
  const status = document.getElementById("status");
  try {
    const network = await Network.load();
    document.getElementById("title").textContent = network.facts.title;
    document.title = network.facts.title;
    await start(network);
    window.network = network; // for the browser's console, and for tests
    status.textContent = `onnxruntime-web ${ort.env.versions.web}; an example differs from Keras's output by `
      + `${network.difference.toExponential(0)} at most`;
  } catch (error) {
    status.textContent = `The network could not be loaded: ${error.message}`;
    status.className = "wrong";
    throw error;
  }
}

// Writes an image of values in [0, 255], (height, width, channels), onto a canvas of its size.
export function paint(canvas, values, [height, width, channels], offset = 0) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height); // its bytes round and clamp
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = values[offset + pixel * channels + (channels === 3 ? channel : 0)];
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
