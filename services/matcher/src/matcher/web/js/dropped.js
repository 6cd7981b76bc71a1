/**
 * The files of a drop: those given by themselves, and of its folders, however deep, those whose type begins with one of
 * `kinds`. Raises DOMException where a folder can't be read.
 */
export async function droppedFiles(transfer, kinds) {
  const files = [];
  const folders = [];
  // The browser gives these only until the handler of the event has returned.
  for (const item of transfer.items) {
    const entry = item.webkitGetAsEntry();
    if (entry?.isDirectory) folders.push(entry);
    else if (item.kind === "file") files.push(item.getAsFile());
  }
  for (const folder of folders) {
    for (const file of await filesIn(folder)) if (kinds.some((kind) => file.type.startsWith(kind))) files.push(file);
  }
  return files;
}

async function filesIn(folder) {
  const files = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory) files.push(...(await filesIn(entry)));
    else files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  }
  return files;
}

/** A reader gives a part at a time, and nothing at the end. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return entries;
    entries.push(...part);
  }
}
