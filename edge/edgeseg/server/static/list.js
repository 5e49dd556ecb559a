// The list of photographs.

import { photographs } from "./photographs.js";
import { element, STATES } from "./text.js";

const list = document.getElementById("list");
const count = document.getElementById("count");
const entries = new Map(); // photograph -> its parts

export function updateEntry(photograph, onSelect) {
    if (!entries.has(photograph)) entries.set(photograph, addEntry(photograph, onSelect));
    const { button, thumbnail, state, progress } = entries.get(photograph);
    button.dataset.state = photograph.state;
    button.classList.toggle("low-quality", Boolean(photograph.lowQuality));
    state.textContent =
        photograph.state === "failed" ? withoutName(photograph) : stateText(photograph);
    progress.hidden = !["uploading", "segmenting"].includes(photograph.state);
    if (photograph.state === "segmenting") progress.removeAttribute("value");
    else progress.value = photograph.progress;
    if (photograph.thumbnail && thumbnail.hidden) {
        thumbnail.src = photograph.thumbnail;
        thumbnail.hidden = false;
    }
    showCount();
}

export function markSelected(selected) {
    for (const [photograph, { button }] of entries) {
        if (photograph === selected) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
    }
    entries.get(selected)?.button.scrollIntoView({ block: "nearest" });
}

function addEntry(photograph, onSelect) {
    const thumbnail = element("img", { alt: "", hidden: "" });
    const state = element("span", { class: "state" });
    const progress = element("progress", {
        max: 1,
        "aria-label": `Progress of ${photograph.name}`,
    });
    const words = element(
        "span",
        { class: "words" },
        element("span", { class: "name", text: photograph.name, title: photograph.name }),
        state,
    );
    const button = element(
        "button",
        { type: "button", class: "entry" },
        element("span", { class: "thumbnail" }, thumbnail),
        words,
    );
    button.addEventListener("click", () => onSelect(photograph));
    list.append(element("li", {}, button, progress));
    return { button, thumbnail, state, progress };
}

function stateText(photograph) {
    return photograph.state === "done" && photograph.lowQuality
        ? "low quality"
        : STATES[photograph.state];
}

// Remove the name from the message, because the list displays the name above the message.
function withoutName({ message, file }) {
    const prefix = `${file.name}: `;
    return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

function showCount() {
    const done = photographs.filter(({ state }) => state === "done").length;
    const failed = photographs.filter(({ state }) => state === "failed").length;
    const failures = failed ? `, ${failed} failed` : "";
    count.textContent = `${done} of ${photographs.length} done${failures}`;
}
