// Everything the page says, in French and in English, side by side so that neither is forgotten.

/** @typedef {'fr' | 'en'} Language */

/** @type {Record<string, Record<Language, string>>} `{name}` is replaced by a value */
export const TEXTS = {
  skip: { fr: 'Aller à ce qui se dit', en: 'Skip to what is being said' },
  room: { fr: 'Salon', en: 'Room' },
  'room.all': { fr: 'Tous les salons', en: 'All rooms' },
  language: { fr: 'Langue', en: 'Language' },
  theme: { fr: 'Apparence', en: 'Appearance' },
  'theme.auto': { fr: 'Automatique', en: 'Automatic' },
  'theme.light': { fr: 'Clair', en: 'Light' },
  'theme.dark': { fr: 'Sombre', en: 'Dark' },
  stage: { fr: 'À l’antenne', en: 'On air' },
  voices: { fr: 'Les voix', en: 'Voices' },
  side: { fr: 'Détails', en: 'Details' },

  listen: { fr: 'Écouter', en: 'Listen' },
  stop: { fr: 'Couper la parole', en: 'Interrupt' },
  sound: { fr: 'Son', en: 'Sound' },
  volume: { fr: 'Volume', en: 'Volume' },
  mute: { fr: 'Couper le son', en: 'Mute' },
  output: { fr: 'Sortie audio', en: 'Audio output' },
  'output.default': { fr: 'Sortie par défaut', en: 'Default output' },
  'missed.none': { fr: 'Les navigateurs ne jouent aucun son sans un clic.', en: 'Browsers play no sound before a click.' },
  'missed.one': { fr: 'Une parole est passée sans être entendue.', en: 'One utterance went by unheard.' },
  'missed.many': { fr: '{count} paroles sont passées sans être entendues.', en: '{count} utterances went by unheard.' },
  unheard: { fr: 'sans le son', en: 'unheard' },

  'connection.connecting': { fr: 'Connexion…', en: 'Connecting…' },
  'connection.open': { fr: 'En direct', en: 'Live' },
  'connection.reconnecting': { fr: 'Reconnexion…', en: 'Reconnecting…' },
  'connection.closed': { fr: 'Déconnecté', en: 'Disconnected' },
  'connection.refused': { fr: 'Accès refusé', en: 'Access refused' },
  'connection.engineDown': { fr: 'Moteur de voix absent', en: 'Speech engine down' },
  'connection.redisAway': { fr: 'Redis absent', en: 'Redis away' },

  'idle.connecting': { fr: 'Un instant, la connexion s’établit.', en: 'One moment, connecting.' },
  'idle.reconnecting': { fr: 'La connexion est perdue. Elle va revenir.', en: 'The connection is lost. It will come back.' },
  'idle.closed': { fr: 'La connexion est fermée.', en: 'The connection is closed.' },
  'idle.refused': { fr: 'Ce lien ne donne pas accès ici. Il en faut un nouveau.', en: 'This link gives no access here. Ask for a new one.' },
  'idle.engineDown': { fr: 'Le moteur de voix ne répond pas. Les agents reprendront la parole dès son retour.', en: 'The speech engine does not answer. Agents will speak again when it is back.' },
  'idle.redisAway': { fr: 'Redis ne répond pas : ce que les agents publient n’arrive pas ici. Cela reprendra dès son retour.', en: 'Redis does not answer: what agents publish does not arrive here. It will again when Redis is back.' },
  'idle.noAgents': { fr: 'Aucun agent n’a encore de voix.', en: 'No agent has a voice yet.' },
  'idle.quiet': { fr: 'Tout est calme. Dès qu’un agent parle, ses mots s’affichent ici.', en: 'All is quiet. When an agent speaks, its words appear here.' },
  noAgents: { fr: 'Une voix apparaît ici dès qu’un agent en a une.', en: 'A voice appears here as soon as an agent has one.' },

  talk: { fr: 'Interrompre en parlant (micro)', en: 'Interrupt by talking (microphone)' },
  'talk.refused': { fr: 'Le micro n’est pas accessible.', en: 'The microphone cannot be used.' },
  'audio.interrupted': { fr: 'Le système a interrompu le son.', en: 'The system interrupted the sound.' },
  'audio.resume': { fr: 'Reprendre le son', en: 'Resume sound' },
  'audio.fallback': { fr: 'Connexion non chiffrée : le son passe par un lecteur plus simple.', en: 'Insecure connection: sound plays through a simpler player.' },
  'audio.failed': { fr: 'Le son ne démarre pas : {message}', en: 'Sound does not start: {message}' },
  'error.rate_limited': { fr: 'Trop de demandes. Réessayez dans {seconds} s.', en: 'Too many requests. Try again in {seconds} s.' },
  'error.forbidden': { fr: 'Ce lien ne permet pas de faire parler les agents ici.', en: 'This link does not allow you to make agents speak here.' },
  'error.unknown_agent': { fr: 'Aucune voix ne parle pour cet agent.', en: 'No voice speaks for this agent.' },
  'error.engine_unavailable': { fr: 'Le moteur de voix ne répond pas.', en: 'The speech engine does not answer.' },
  'error.other': { fr: 'Le serveur répond : {message}', en: 'The server answers: {message}' },

  'agent.speaking': { fr: 'parle', en: 'speaking' },
  'agent.waiting': { fr: 'attend son tour', en: 'waits its turn' },
  'agent.quiet': { fr: 'silencieux', en: 'quiet' },
  'agent.mute': { fr: 'Couper {name}', en: 'Mute {name}' },
  'agent.volume': { fr: 'Volume de {name}', en: 'Volume of {name}' },
  'agent.solo': { fr: 'N’écouter que {name}', en: 'Hear only {name}' },
  waiting: { fr: 'Ensuite', en: 'Up next' },
  'waiting.more': { fr: 'et {count} de plus', en: 'and {count} more' },
  'waiting.stop': { fr: 'Annuler ce que {name} allait dire', en: 'Call off what {name} was about to say' },

  say: { fr: 'Faire parler un agent', en: 'Make an agent speak' },
  'say.text': { fr: 'Ce qu’il faut dire', en: 'What should be said' },
  'say.placeholder': { fr: 'Bonjour à tous, la réunion commence.', en: 'Hello everyone, the meeting is starting.' },
  'say.agent': { fr: 'Voix', en: 'Voice' },
  'say.emotion': { fr: 'Émotion', en: 'Emotion' },
  'say.language': { fr: 'Langue du texte', en: 'Language of the text' },
  'say.auto': { fr: 'Reconnue', en: 'Detected' },
  'say.go': { fr: 'Dire', en: 'Speak' },
  'say.forbidden': { fr: 'Ce lien permet d’écouter, pas de faire parler.', en: 'This link lets you listen, not speak.' },
  'say.sent': { fr: 'Envoyé à {name}.', en: 'Sent to {name}.' },
  'say.offline': { fr: 'Pas de connexion pour le moment.', en: 'Not connected at the moment.' },

  latency: { fr: 'Délai avant le premier son', en: 'Time to first sound' },
  'latency.none': { fr: 'Mesuré dès la prochaine parole.', en: 'Measured from the next utterance on.' },
  'latency.heard': { fr: 'Dernière parole : premier son envoyé après {sent} ms, entendu après {heard} ms.', en: 'Last utterance: first sound sent after {sent} ms, heard after {heard} ms.' },
  'latency.key': { fr: '● envoyé ○ entendu', en: '● sent ○ heard' },

  radio: { fr: 'Ce salon dans un lecteur audio (MP3)', en: 'This room in an audio player (MP3)' },

  history: { fr: 'Déjà dit', en: 'Said so far' },
  'history.empty': { fr: 'Rien n’a encore été dit.', en: 'Nothing has been said yet.' },
  'history.play': { fr: 'Réécouter {name} : {text}', en: 'Replay {name}: {text}' },
  'history.stop': { fr: 'Arrêter la réécoute', en: 'Stop the replay' },
  'history.download': { fr: 'Télécharger {name} : {text}', en: 'Download {name}: {text}' },
  'history.failed': { fr: 'Cet enregistrement n’est plus là.', en: 'This recording is no longer there.' },
  'reason.cancelled': { fr: 'interrompu', en: 'interrupted' },
  'reason.replaced': { fr: 'remplacé', en: 'replaced' },
  'reason.expired': { fr: 'expiré', en: 'expired' },
  'reason.empty': { fr: 'vide', en: 'empty' },
  'reason.failed': { fr: 'échoué', en: 'failed' },

  'emotion.neutral': { fr: 'neutre', en: 'neutral' },
  'emotion.happy': { fr: 'joie', en: 'happy' },
  'emotion.sad': { fr: 'tristesse', en: 'sad' },
  'emotion.angry': { fr: 'colère', en: 'angry' },
  'emotion.shy': { fr: 'timidité', en: 'shy' },
  'emotion.alert': { fr: 'alerte', en: 'alert' },
  'emotion.surprised': { fr: 'surprise', en: 'surprised' },
  'emotion.confused': { fr: 'confusion', en: 'confused' },
  'emotion.thinking': { fr: 'réflexion', en: 'thinking' },
  'emotion.emergency': { fr: 'urgence', en: 'emergency' },
  'emotion.glitch': { fr: 'bug', en: 'glitch' },
};

/**
 * @param {Language} language
 * @param {string} key one that is not known is shown as it is
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function translate(language, key, values = {}) {
  const text = TEXTS[key]?.[language] ?? key;
  return text.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole));
}

/**
 * Fills in what index.html marks with `data-i18n` (text) and `data-i18n-label` (aria-label).
 * @param {Language} language
 */
export function translatePage(language) {
  document.documentElement.lang = language;
  const marked = (/** @type {string} */ selector) =>
    /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector));
  for (const each of marked('[data-i18n]')) each.textContent = translate(language, each.dataset.i18n ?? '');
  for (const each of marked('[data-i18n-label]')) {
    each.setAttribute('aria-label', translate(language, each.dataset.i18nLabel ?? ''));
  }
}
