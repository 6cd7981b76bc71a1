import { offline, request } from "./api.js";

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

/** Loads a medium again that failed, to go on from `position`, in seconds. */
export function reload(media, position) {
  media.load();
  media.currentTime = position;
}

/** A sentence on why the server does not give a failed medium, called `what`; null where it does: then it is the format. */
export async function fault(media, what) {
  const lost = media.error.code === MediaError.MEDIA_ERR_NETWORK ? offline() : null;
  const error = (await refusal(media.src)) ?? lost;
  if (error?.status === 404) return `The ${what} is not there any more. It may have been deleted.`;
  return error && `The ${what} could not be loaded. ${error.message} Press play to try again.`;
}

async function refusal(url) {
  try {
    await request(url, { headers: { Range: "bytes=0-0" } });
    return null;
  } catch (error) {
    return error;
  }
}
