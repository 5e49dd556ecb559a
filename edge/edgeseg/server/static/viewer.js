// The viewer: photograph, mask and overlay on one or two canvases that zoom and move together.

const MAX_MASK_SIDE = 4096; // browsers of tablets limit the size of a canvas
const MAX_SCALE = 40;

const panes = [document.getElementById("pane-left"), document.getElementById("pane-right")];
const look = { view: "overlay", opacity: 0.6, colour: "#40ff80", overlayVisible: true };

let shown = null; // {segmentation, name, mask, marks}
// scale in CSS pixels per pixel of the photograph, centre in the photograph
let camera = { scale: 1, x: 0, y: 0 };
let isFitted = true;
let drawRequested = false;

export function showSegmentation(segmentation, name) {
    const isOther = shown?.segmentation !== segmentation;
    shown = segmentation && {
        segmentation,
        name,
        mask: document.createElement("canvas"),
        marks: document.createElement("canvas"),
    };
    if (isOther) fit();
}

// Set the mask: one byte of 0 or 1 per pixel.
export function showMask(mask) {
    paintMask(shown.mask, mask, shown.segmentation);
    paintMarks();
    requestDraw();
}

export function changeLook(changes) {
    Object.assign(look, changes);
    panes[1].hidden = look.view !== "side";
    if ("colour" in changes && shown) paintMarks();
    if ("view" in changes && isFitted) fit();
    requestDraw();
}

export function currentLook() {
    return look;
}

export function fit() {
    isFitted = true;
    if (!shown) return;
    const { width, height } = shown.segmentation;
    const { clientWidth, clientHeight } = panes[0];
    camera = {
        scale: Math.min(clientWidth / width, clientHeight / height),
        x: width / 2,
        y: height / 2,
    };
    requestDraw();
}

// Zoom around a point of the canvas, by default its centre.
export function zoom(factor, point = null) {
    if (!shown) return;
    const { clientWidth, clientHeight } = panes[0];
    const [dx, dy] = point ? [point.x - clientWidth / 2, point.y - clientHeight / 2] : [0, 0];
    const { width, height } = shown.segmentation;
    const smallest = Math.min(clientWidth / width, clientHeight / height) / 2;
    const scale = Math.min(MAX_SCALE, Math.max(smallest, camera.scale * factor));
    camera.x += dx / camera.scale - dx / scale;
    camera.y += dy / camera.scale - dy / scale;
    camera.scale = scale;
    isFitted = false;
    keepInside();
    requestDraw();
}

export function move(dx, dy) {
    camera.x -= dx / camera.scale;
    camera.y -= dy / camera.scale;
    isFitted = false;
    keepInside();
    requestDraw();
}

// Draw an image with its vessels on another canvas, for print.
export function drawSheet(canvas, segmentation, mask, side, withVessels) {
    const scale = Math.min(1, side / Math.max(segmentation.width, segmentation.height));
    canvas.width = Math.round(segmentation.width * scale);
    canvas.height = Math.round(segmentation.height * scale);
    const context = canvas.getContext("2d");
    context.drawImage(segmentation.image, 0, 0, canvas.width, canvas.height);
    if (!withVessels) return;
    const marks = document.createElement("canvas");
    paintMask(marks, mask, segmentation);
    tint(marks, look.colour);
    context.globalAlpha = Math.max(0.6, look.opacity);
    context.drawImage(marks, 0, 0, canvas.width, canvas.height);
}

function keepInside() {
    if (!shown) return;
    camera.x = Math.min(shown.segmentation.width, Math.max(0, camera.x));
    camera.y = Math.min(shown.segmentation.height, Math.max(0, camera.y));
}

function paintMask(canvas, mask, segmentation) {
    const step = Math.ceil(Math.max(segmentation.width, segmentation.height) / MAX_MASK_SIDE);
    canvas.width = Math.floor(segmentation.width / step);
    canvas.height = Math.floor(segmentation.height / step);
    const pixels = new ImageData(canvas.width, canvas.height);
    const words = new Uint32Array(pixels.data.buffer);
    let index = 0;
    for (let y = 0; y < canvas.height; y++) {
        let source = y * step * segmentation.width;
        for (let x = 0; x < canvas.width; x++, index++, source += step)
            words[index] = mask[source] ? 0xffffffff : 0;
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function paintMarks() {
    const { mask, marks } = shown;
    marks.width = mask.width;
    marks.height = mask.height;
    if (!mask.width) return;
    marks.getContext("2d").drawImage(mask, 0, 0);
    tint(marks, look.colour);
}

function tint(canvas, colour) {
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = "source-in";
    context.fillStyle = colour;
    context.fillRect(0, 0, canvas.width, canvas.height);
}

function requestDraw() {
    if (drawRequested) return;
    drawRequested = true;
    requestAnimationFrame(() => {
        drawRequested = false;
        draw();
    });
}

function draw() {
    const kinds = look.view === "side" ? ["photograph", "overlay"] : [look.view];
    for (const [index, kind] of kinds.entries()) drawPane(panes[index], kind);
}

function drawPane(canvas, kind) {
    const ratio = devicePixelRatio;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    canvas.setAttribute("aria-label", shown ? `${shown.name}: ${kind}` : "no photograph");
    if (!shown) return;
    const context = canvas.getContext("2d");
    const { width, height, image } = shown.segmentation;
    const scale = camera.scale * ratio;
    context.setTransform(
        scale,
        0,
        0,
        scale,
        canvas.width / 2 - camera.x * scale,
        canvas.height / 2 - camera.y * scale,
    );
    context.imageSmoothingEnabled = scale < 3;
    context.imageSmoothingQuality = "high";
    if (kind === "mask") {
        context.fillRect(0, 0, width, height);
        context.drawImage(shown.mask, 0, 0, width, height);
        return;
    }
    context.drawImage(image, 0, 0, width, height);
    if (kind === "overlay" && look.overlayVisible && shown.marks.width) {
        context.globalAlpha = look.opacity;
        context.drawImage(shown.marks, 0, 0, width, height);
    }
}

function followPointers(canvas) {
    const pointers = new Map();
    const position = (event) => ({ x: event.offsetX, y: event.offsetY });
    canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, position(event));
    });
    canvas.addEventListener("pointermove", (event) => {
        const before = pointers.get(event.pointerId);
        if (!before) return;
        const now = position(event);
        const [other] = [...pointers]
            .filter(([id]) => id !== event.pointerId)
            .map(([, point]) => point);
        if (other) zoom(distance(now, other) / Math.max(1, distance(before, other)), other);
        else move(now.x - before.x, now.y - before.y);
        pointers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", (event) => (isFitted ? zoom(3, position(event)) : fit()));
    canvas.addEventListener(
        "wheel",
        (event) => {
            event.preventDefault();
            zoom(2 ** (-event.deltaY / 300), position(event));
        },
        { passive: false },
    );
}

function distance(first, second) {
    return Math.hypot(first.x - second.x, first.y - second.y);
}

panes.forEach(followPointers);
new ResizeObserver(() => (isFitted ? fit() : requestDraw())).observe(
    document.getElementById("panes"),
);
