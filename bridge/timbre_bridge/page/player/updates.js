/** What is told and put right about twice a second while something plays. */

const PERIOD_MS = 500;

/**
 * @param {import("./desk.js").Desk} desk
 * @param {import("./sound.js").Sound} sound
 * @param {(message: object) => boolean} send to the bridge
 * @returns {() => void} stops it
 */
export function keepUpdated(desk, sound, send) {
  const timer = setInterval(() => {
    for (const utterance of [...desk]) {
      if (sound.state === "interrupted") dropMissed(desk, utterance);
      else if (sound.state !== "off" && utterance.playing) update(desk, sound, send, utterance);
    }
  }, PERIOD_MS);
  return () => clearInterval(timer);
}

/** Tell the bridge what was played of an utterance. */
export function tellPlayed(utterance, send) {
  const sent = send({
    type: "playback.update",
    context_id: utterance.contextId,
    played_ms: utterance.playedMs,
    buffered_ms: utterance.bufferedMs,
    first_audio_ms: utterance.reported ? undefined : utterance.firstAudioMs,
    underruns: utterance.underruns,
  });
  utterance.reported ||= sent;
}

function update(desk, sound, send, utterance) {
  tellPlayed(utterance, send);
  // Clock drift, and whatever else left it behind: pauses are shortened until it has caught up.
  const samples = utterance.excess(performance.now(), desk.ear.targetMs, sound.latency * 1000);
  sound.send({ type: "excess", id: utterance.contextId, samples });
}

/** While the system has taken the sound away, what would be over by now is not kept for later. */
function dropMissed(desk, utterance) {
  if (utterance.ended && utterance.playout.at(performance.now() / 1000) >= utterance.received) desk.miss(utterance);
}

/** Sound is back after an interruption: go on at what is live. */
export function skipToLive(desk, sound) {
  for (const utterance of desk) {
    const position = utterance.playout.at(performance.now() / 1000);
    if (utterance.excess(performance.now(), desk.ear.targetMs, sound.latency * 1000) > 0) {
      sound.send({ type: "skip", id: utterance.contextId, position });
      desk.missed(utterance, "interrupted");
    }
  }
}
