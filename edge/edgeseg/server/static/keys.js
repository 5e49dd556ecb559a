// Keyboard shortcuts of the page.

export function handleKeys({ selectNext, toggleOverlay, zoom, fit, showKeys }) {
    const actions = {
        ArrowLeft: () => selectNext(-1),
        ArrowUp: () => selectNext(-1),
        ArrowRight: () => selectNext(1),
        ArrowDown: () => selectNext(1),
        " ": toggleOverlay,
        "+": () => zoom(1.5),
        "-": () => zoom(1 / 1.5),
        0: fit,
        "?": showKeys,
    };
    addEventListener("keydown", (event) => {
        const action = actions[event.key];
        if (!action || event.ctrlKey || event.metaKey || event.altKey || isUsed(event)) return;
        event.preventDefault();
        action();
    });
}

function isUsed(event) {
    if (document.querySelector("dialog[open]")) return true;
    const { key, target } = event;
    if (target.matches("select, input:not([type=range], [type=radio])")) return true;
    if (target.matches("input")) return key === " " || key.startsWith("Arrow");
    return key === " " && target.matches("button:not(.entry), a");
}
