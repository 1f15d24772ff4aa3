// The pixels of the frame that a <video> has said it shows.
//
// The browser goes on showing frames while this page's code runs: what is drawn of the <video> may be the next frame
// already, and nothing says so. So a frame is drawn at once only where no other can have come: none is in the buffer, or
// it is not its time yet. Otherwise its pixels are kept until the browser says when it has shown the next one.

/** A frame is shown up to so much before its time: a refresh of a slow screen. */
const EARLY_S = 0.035;
/** Browsers round the times that they give. */
const ROUNDING_MS = 1;

export class Capture {
  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d", { alpha: false });
  #held = null;
  /** Frames that were not drawn, since their pixels may have been those of the next one. */
  unsure = 0;

  /** `draw(image, message)` draws at once. */
  constructor(draw) {
    this.draw = draw;
  }

  /**
   * `video` shows this message's frame, which is the `number`th that it has shown; the next one in its buffer is to be
   * shown at `next`, in seconds by its clock.
   */
  take(video, message, number, next) {
    if (next === Infinity) {
      this.draw(video, message);
      return;
    }
    const canvas = this.#canvas;
    if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    }
    this.#context.drawImage(video, 0, 0);
    const takenAt = performance.now();
    // While it waits for data, a player does not say where it is.
    const isPlaying = video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !video.seeking;
    if (isPlaying && video.currentTime + EARLY_S * video.playbackRate < next) {
      this.draw(canvas, message);
      return;
    }
    // The next frame is in the buffer, so it is shown soon.
    this.#held = { message, number, takenAt };
  }

  /** The `number`th frame was shown at `shownAt`. Of one before it that nothing was said of, the time is not known. */
  settle(number, shownAt) {
    const held = this.#held;
    this.#held = null;
    if (!held) return;
    if (number === held.number + 1 && shownAt > held.takenAt + ROUNDING_MS) this.draw(this.#canvas, held.message);
    else this.unsure++;
  }

  drop() {
    this.#held = null;
  }
}
