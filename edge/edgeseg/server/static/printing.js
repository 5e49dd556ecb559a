// Print: one sheet per photograph.

import { decodePicture, thresholdPicture } from "./picture.js";
import { describeFields, describeMeasures } from "./results.js";
import { element, thresholdText } from "./text.js";
import { drawSheet } from "./viewer.js";

const SHEET_SIDE = 1400; // pixels of each picture
const sheets = document.getElementById("sheets");

// Print these photographs.
export async function printSheets(photographs, model) {
    const made = [];
    for (const photograph of photographs) {
        const picture = await decodePicture(photograph.answer);
        made.push(makeSheet(photograph, picture, model));
        picture.image.close();
    }
    sheets.replaceChildren(...made);
    window.print();
}

// Print the current photograph if the browser's menu is used instead of the button.
export function printWithoutButton(getCurrent) {
    addEventListener("beforeprint", () => {
        const current = getCurrent();
        if (!sheets.hasChildNodes() && current)
            sheets.append(makeSheet(current.photograph, current.picture, current.model));
    });
    addEventListener("afterprint", () => sheets.replaceChildren());
}

function makeSheet(photograph, picture, model) {
    const { mask, densities } = thresholdPicture(picture, photograph.threshold);
    const pictures = [false, true].map((withVessels) => {
        const canvas = document.createElement("canvas");
        drawSheet(canvas, picture, mask, SHEET_SIDE, withVessels);
        return canvas;
    });
    return element(
        "article",
        { class: "sheet" },
        element("h2", { text: photograph.name }),
        element("div", { class: "sheet-pictures" }, ...pictures),
        element("div", { class: "sheet-fields" }, ...describeFields(photograph.records, densities)),
        element(
            "div",
            { class: "sheet-measures" },
            ...describeMeasures(photograph.records, photograph.threshold),
        ),
        element("footer", {
            text:
                `Model ${model.model} (${model.precision}, ${model.model_sha256.slice(0, 12)}), ` +
                `threshold ${thresholdText(photograph.threshold)}, ` +
                `edgeseg ${model.edgeseg_version}, ` +
                `${new Date().toISOString().slice(0, 10)}. Not a medical device.`,
        }),
    );
}
