import { bar, make } from "./dom.js";
import { stageNames, stageText } from "./format.js";

/** Shows a clip's way through the system: `stage` is one of the API's, `progress` 0 to 1 or null. */
export function showStages(list, stage, progress) {
  const reached = stageNames.findIndex(([name]) => name === stage);
  const steps = stageNames.map(([name, words], index) => {
    const current = index === reached;
    const step = make("li", { "data-stage": name, class: index < reached ? "past" : null, "aria-current": current && "step" });
    step.append(current ? stageText(stage, progress) : words);
    if (current && name === "extracting") step.append(bar(progress, "Extracted"));
    return step;
  });
  list.replaceChildren(...steps);
  list.hidden = false;
}
