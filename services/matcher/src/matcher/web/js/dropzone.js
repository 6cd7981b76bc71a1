/** Files dropped on `area` or chosen with `input` go to `onFiles`, those chosen before this call too. */
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
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    onFiles(files);
  });
  const takeChosen = () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) onFiles(files);
  };
  input.addEventListener("change", takeChosen);
  takeChosen();
}

/** Without this the browser leaves the page to show a file that missed a drop zone. */
export function catchStrayDrops(onFiles) {
  window.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.querySelectorAll(".over").forEach((area) => area.classList.remove("over"));
    const files = [...event.dataTransfer.files];
    if (files.length) onFiles(files);
  });
}

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
