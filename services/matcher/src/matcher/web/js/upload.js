import { ApiError, offline, patiently, problem } from "./api.js";

const TRIES = 5;

/**
 * Sends a file and gives the server's record of it. `onProgress` is told the share sent, 0 to 1, and 0 again at a new try.
 * Trying again is safe: the same bytes always become the same record. Raises ApiError, or AbortError where cancelled.
 */
export function upload(path, file, { onProgress, signal }) {
  return patiently(
    () => {
      onProgress(0);
      return send(path, file, { onProgress, signal });
    },
    { signal, tries: TRIES },
  );
}

function send(path, file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    const abort = () => call.abort();
    signal?.addEventListener("abort", abort);
    call.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    call.addEventListener("load", () => {
      if (call.status >= 200 && call.status < 300) resolve(JSON.parse(call.responseText));
      else reject(problem(call.status, call.responseText, call.getResponseHeader("Retry-After")));
    });
    call.addEventListener("error", async () => reject((await readable(file)) ? offline() : unreadable()));
    call.addEventListener("abort", () => reject(new DOMException("Cancelled", "AbortError")));
    call.addEventListener("loadend", () => signal?.removeEventListener("abort", abort));
    call.open("POST", path);
    call.setRequestHeader("Accept", "application/json");
    call.send(form);
  });
}

/** A part of a missing file may read as empty, so the file itself is read, up to its first chunk. */
async function readable(file) {
  try {
    const reader = file.stream().getReader();
    await reader.read();
    await reader.cancel();
    return true;
  } catch {
    return false;
  }
}

function unreadable() {
  return new ApiError(null, "file_unreadable", "The file can't be read. It may have been moved, deleted or changed.");
}
