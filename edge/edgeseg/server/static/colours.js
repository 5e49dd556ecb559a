// Choice of the vessels' colour.

import { element } from "./text.js";
import { changeLook } from "./viewer.js";

// Colours that differ from the retina, and that colour-blind people can distinguish.
const COLOURS = {
    Green: "#40ff80",
    Cyan: "#40d8ff",
    Yellow: "#ffe640",
    White: "#ffffff",
    Blue: "#3060ff",
};

export function addColours(fieldset) {
    for (const [name, colour] of Object.entries(COLOURS)) {
        const radio = element("input", { type: "radio", name: "colour", value: colour });
        radio.checked = name === "Green";
        radio.addEventListener("change", () => changeLook({ colour }));
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = colour;
        fieldset.append(
            element(
                "label",
                { title: name },
                radio,
                swatch,
                element("span", { class: "hidden", text: name }),
            ),
        );
    }
}
