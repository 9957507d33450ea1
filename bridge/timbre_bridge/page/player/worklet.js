/** The audio thread: a mixer behind a message port. Commands come in lists; reports go out as they happen. */

import { Mixer } from "./mixer.js";
import { Source } from "./source.js";

class TimbreProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    const mixer = new Mixer((report) => this.port.postMessage(report, report.samples ? [report.samples.buffer] : []));
    this.source = new Source(mixer, sampleRate);
    this.port.onmessage = ({ data }) => data.forEach((command) => mixer.handle(command));
  }

  process(_inputs, [[out]]) {
    this.source.render(out, currentTime);
    return true;
  }
}

registerProcessor("timbre", TimbreProcessor);
