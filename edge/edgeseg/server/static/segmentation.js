// A segmented image: its decoded parts, and its mask at any threshold.

// Decode the form of POST /page/image.
export async function decodeSegmentation({ blob, type }) {
    const form = await new Response(blob, { headers: { "Content-Type": type } }).formData();
    const result = JSON.parse(await form.get("result").text());
    const fields = [];
    for (const [index, field] of result.fields.entries()) {
        const [left, top, width, height] = field.source;
        const inside = unpackBits(await inflate(form.get(`inside_${index + 1}`)), width * height);
        const probability = await inflate(form.get(`probability_${index + 1}`));
        fields.push({
            left,
            top,
            width,
            height,
            inside,
            insideCount: countOnes(inside),
            probability: new Float32Array(probability),
            probabilityWidth: field.width,
            probabilityHeight: field.height,
        });
    }
    return {
        width: result.width,
        height: result.height,
        frameCount: result.frame_count,
        records: result.records,
        defaultThreshold: result.records.find((record) => record.status === "ok").threshold,
        defaultMask: unpackBits(await inflate(form.get("mask")), result.width * result.height),
        image: await createImageBitmap(form.get("image")),
        fields,
    };
}

// Threshold the probability at the photograph's size, as the server does.
// Returns {mask: Uint8Array of 0 and 1, densities: one per field of view}.
export function thresholdSegmentation(segmentation, threshold) {
    if (threshold === segmentation.defaultThreshold) {
        const mask = segmentation.defaultMask;
        return {
            mask,
            densities: segmentation.fields.map(
                (field) => countInField(mask, segmentation.width, field) / field.insideCount,
            ),
        };
    }
    const mask = new Uint8Array(segmentation.width * segmentation.height);
    const densities = segmentation.fields.map(
        (field) =>
            thresholdField(field, threshold, mask, segmentation.width) /
            Math.max(1, field.insideCount),
    );
    return { mask, densities };
}

// Resize linearly like OpenCV's INTER_LINEAR, first along the rows, in 32-bit floats.
function thresholdField(field, threshold, mask, maskWidth) {
    const level = Math.fround(threshold);
    const columns = linearWeights(field.probabilityWidth, field.width);
    const rows = linearWeights(field.probabilityHeight, field.height);
    let upper = new Float32Array(field.width);
    let lower = new Float32Array(field.width);
    let upperRow = -1;
    let lowerRow = -1;
    let count = 0;
    for (let y = 0; y < field.height; y++) {
        const [first, second, weight] = [rows.first[y], rows.second[y], rows.weight[y]];
        if (first === lowerRow)
            [upper, lower, upperRow, lowerRow] = [lower, upper, lowerRow, upperRow];
        if (first !== upperRow) resizeRow(field, first, columns, upper);
        if (second !== lowerRow) resizeRow(field, second, columns, lower);
        [upperRow, lowerRow] = [first, second];
        let inside = y * field.width;
        let target = (field.top + y) * maskWidth + field.left;
        const rest = Math.fround(1 - weight);
        for (let x = 0; x < field.width; x++, inside++, target++) {
            if (field.inside[inside] && Math.fround(upper[x] * rest + lower[x] * weight) >= level) {
                mask[target] = 1;
                count++;
            }
        }
    }
    return count;
}

function resizeRow(field, row, columns, output) {
    const offset = row * field.probabilityWidth;
    const { first, second, weight } = columns;
    for (let x = 0; x < output.length; x++) {
        const left = field.probability[offset + first[x]];
        output[x] = left * (1 - weight[x]) + field.probability[offset + second[x]] * weight[x];
    }
}

function linearWeights(size, newSize) {
    const first = new Uint32Array(newSize);
    const second = new Uint32Array(newSize);
    const weight = new Float32Array(newSize);
    const scale = size / newSize;
    for (let index = 0; index < newSize; index++) {
        const position = Math.min(size - 1, Math.max(0, Math.fround((index + 0.5) * scale - 0.5)));
        first[index] = Math.floor(position);
        second[index] = Math.min(size - 1, first[index] + 1);
        weight[index] = position - first[index];
    }
    return { first, second, weight };
}

async function inflate(blob) {
    return new Response(
        blob.stream().pipeThrough(new DecompressionStream("deflate")),
    ).arrayBuffer();
}

function unpackBits(buffer, length) {
    const bytes = new Uint8Array(buffer);
    const bits = new Uint8Array(length);
    for (let index = 0; index < length; index++)
        bits[index] = (bytes[index >> 3] >> (7 - (index & 7))) & 1;
    return bits;
}

function countOnes(bits) {
    let count = 0;
    for (let index = 0; index < bits.length; index++) count += bits[index];
    return count;
}

function countInField(mask, maskWidth, field) {
    let count = 0;
    for (let y = 0; y < field.height; y++) {
        const start = (field.top + y) * maskWidth + field.left;
        for (let x = 0; x < field.width; x++)
            count += mask[start + x] & field.inside[y * field.width + x];
    }
    return count;
}
