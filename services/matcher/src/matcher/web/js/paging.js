import { showError } from "./notices.js";

/** Each click on `button` reads a page with `read`, one at a time; an error is shown as one of `about`. */
export function onMore(button, about, read) {
  let loading = false;
  button.addEventListener("click", async () => {
    if (loading) return;
    loading = true;
    try {
      await read();
    } catch (error) {
      showError(error, about);
    } finally {
      loading = false;
    }
  });
}
