const PATIENCE_MS = 4000;

/** So close to its end a medium has nothing left to play. */
export const TAIL_S = 0.05;

/** Ready to play from where it stands. */
export function settled(media) {
  const near = () => media.duration - media.currentTime < TAIL_S;
  return until(media, () => !media.seeking && (media.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || near()));
}

/** Some phones load nothing before play() is called: then it is better to start than to wait for ever. */
export function until(media, condition) {
  const events = ["seeked", "loadedmetadata", "canplay", "emptied", "error"];
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      events.forEach((name) => media.removeEventListener(name, check));
      resolve();
    };
    const check = () => (condition() || media.error) && end();
    const timer = setTimeout(end, PATIENCE_MS);
    events.forEach((name) => media.addEventListener(name, check));
    check();
  });
}
