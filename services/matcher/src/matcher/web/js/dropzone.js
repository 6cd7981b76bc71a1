import { droppedFiles } from "./dropped.js";
import { showError } from "./notices.js";

/**
 * Files dropped on `area` or chosen with `input` go to `onFiles`, those chosen before this call too. A folder stands for
 * the files in it that `input` accepts.
 */
export function dropzone(area, input, onFiles) {
  let inside = 0;
  const mark = (change) => {
    inside = change === 0 ? 0 : Math.max(0, inside + change);
    area.classList.toggle("over", inside > 0);
  };
  area.addEventListener("dragenter", (event) => carriesFiles(event) && mark(1));
  area.addEventListener("dragleave", (event) => carriesFiles(event) && mark(-1));
  area.addEventListener("drop", (event) => {
    mark(0);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    take(event.dataTransfer, [input.accept.replace("*", "")], onFiles);
  });
  const takeChosen = () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) onFiles(files);
  };
  input.addEventListener("change", takeChosen);
  takeChosen();
}

/** Without this the browser leaves the page to show a file that missed a drop zone. `kinds`: those wanted of a folder. */
export function catchStrayDrops(kinds, onFiles) {
  window.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.querySelectorAll(".over").forEach((area) => area.classList.remove("over"));
    take(event.dataTransfer, kinds, onFiles);
  });
}

async function take(transfer, kinds, onFiles) {
  try {
    const files = await droppedFiles(transfer, kinds);
    const wanted = kinds.join(" or ").replaceAll("/", "");
    if (files.length) onFiles(files);
    else showError({ code: "nothing_to_send", detail: `No ${wanted} file was found in the folder.` });
  } catch {
    showError({ code: "folder_unreadable", detail: "The folder can't be read." });
  }
}

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
