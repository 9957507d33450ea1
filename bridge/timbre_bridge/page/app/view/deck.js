// Hands on the sound: listen, interrupt, volume, mute, output device, and what the browser or system says about it.

import { Microphone } from '../microphone.js';
import { speaking } from '../state.js';
import { byId, ICONS, setChoices, setIcon, setText } from './dom.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../state.js').ViewState} ViewState
 */

/** @param {App} app @returns {(state: ViewState) => void} */
export function deck(app) {
  const { player, settings } = app;
  const listen = byId('listen');
  const mute = byId('mute');
  const volume = /** @type {HTMLInputElement} */ (byId('volume'));

  listen.onclick = async () => {
    try {
      await player.listen();
      // The button has done its work and goes: who came by keyboard must not be left nowhere.
      if (document.activeElement === document.body || document.activeElement === listen) mute.focus();
      await outputs(app);
    } catch (error) {
      app.say(app.t('audio.failed', { message: error instanceof Error ? error.message : String(error) }));
    }
  };
  byId('stop').onclick = () => app.interrupt();
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing) app.interrupt();
  });
  mute.onclick = () => app.change({ muted: !settings.muted });
  volume.value = String(Math.round(settings.volume * 100));
  volume.oninput = () => app.change({ volume: Number(volume.value) / 100, muted: false });

  const microphone = new Microphone();
  const talk = byId('talk');
  talk.hidden = !Microphone.possible;
  talk.onclick = async () => {
    try {
      await (microphone.on ? microphone.stop() : microphone.start(() => speaking(app.state()) && app.interrupt()));
      await outputs(app);
    } catch {
      app.say(app.t('talk.refused'));
    }
    app.draw();
  };

  const output = /** @type {HTMLSelectElement} */ (byId('output'));
  output.onchange = () => app.change({ output: output.value });
  navigator.mediaDevices?.addEventListener('devicechange', () => outputs(app));

  return (state) => {
    const silent = state.audio === 'off' || state.audio === 'interrupted';
    listen.hidden = !silent;
    setText(listen, app.t(state.audio === 'interrupted' ? 'audio.resume' : 'listen'));
    byId('stop').hidden = !speaking(state);
    byId('sound').hidden = silent;
    setIcon(mute, settings.muted ? ICONS.muted : ICONS.sound, app.t('mute'));
    mute.setAttribute('aria-pressed', String(settings.muted));
    setIcon(talk, ICONS.microphone, app.t('talk'));
    talk.setAttribute('aria-pressed', String(microphone.on));
    const missed = byId('missed');
    missed.toggleAttribute('data-some', silent && state.missed.length > 0);
    setText(missed, message(app, state));
  };
}

/** @param {App} app @param {ViewState} state */
function message(app, { audio, missed }) {
  if (audio === 'worklet') return '';
  if (audio === 'scheduled') return app.t('audio.fallback');
  if (audio === 'interrupted') return app.t('audio.interrupted');
  if (missed.length === 0) return app.t('missed.none');
  return app.t(missed.length === 1 ? 'missed.one' : 'missed.many', { count: missed.length });
}

/**
 * The devices to choose from. Browsers name them only to pages that may use the microphone; without names there is
 * nothing to choose by.
 * @param {App} app
 */
async function outputs(app) {
  if (!app.canSetOutput || !navigator.mediaDevices) return;
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter(
    (each) => each.kind === 'audiooutput' && each.label && each.deviceId !== 'default',
  );
  byId('output-tool').hidden = devices.length === 0;
  const choices = /** @type {[string, string][]} */ (devices.map((each) => [each.deviceId, each.label]));
  setChoices(byId('output'), [['', app.t('output.default')], ...choices], app.settings.output);
}
