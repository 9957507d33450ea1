/* The codec's first half, frame by frame: a transformer that sees the last `window` frames, and upsampling. */
#pragma once
#include "store.h"
#include "transformer.h"

#define DEPTH 7 /* taps of a ConvNeXt's depthwise convolution */
#define LAYER_NORM_EPSILON 1e-6f

struct codec_layer {
    struct dense queries_keys_values, output, gate_up, down;
    size_t keys, values; /* places in a stream's state: [ring, attention] each; keys are rotated */
};

struct transformer {
    struct dense input, output;
    struct codec_layer *layers;
    int count, heads, head_dim, window, ring; /* ring: frames that there is room for */
    float epsilon;
    double theta;
};

struct upsampling {
    struct dense spread, wide, narrow;
    int ratio, width;
    size_t history; /* place in a stream's state: [DEPTH - 1, width] */
    const float *depthwise /* [DEPTH, width] */, *bias, *norm, *norm_bias;
};

/* Norms without a weight, which is in the product that follows. */
static void rms_normed(const float *rows, int count, int width, float epsilon, float *normed) {
    for (int row = 0; row < count; row++) rms_norm(NULL, rows + row * width, normed + row * width, width, epsilon);
}

/* The newest `frames`, of which `before` came before: [frames, attention] of each. joint: [frames, 3, attention]. */
static void attend_window(
    const struct transformer *t, const struct codec_layer *layer, float *state, int64_t before, int frames,
    const float *rotations, float *joint, float *attended) {
    const int head_dim = t->head_dim, width = t->heads * head_dim;
    float *keys = state + layer->keys, *values = state + layer->values;
    for (int frame = 0; frame < frames; frame++) {
        float *mine = joint + (size_t)frame * 3 * width;
        const int64_t now = before + frame, at = now % t->ring;
        for (int head = 0; head < 2 * t->heads; head++)
            rotate(mine + head * head_dim, rotations + frame * head_dim, head_dim / 2);
        memcpy(keys + at * width, mine + width, sizeof(float) * width);
        memcpy(values + at * width, mine + 2 * width, sizeof(float) * width);
        const int seen = now + 1 < t->window ? now + 1 : t->window;
        float weights[seen];
        for (int head = 0; head < t->heads; head++) {
            const int at_head = head * head_dim;
            attend_head(mine + at_head, keys + at_head, values + at_head, width, t->ring, now - seen + 1, seen,
                        head_dim, weights, attended + (size_t)frame * width + at_head);
        }
    }
}

/* rows [frames, input->inputs] -> `to` [frames, output->outputs]. room: four pieces, each for the widest rows. */
static void transform(
    const struct transformer *t, const float *rows, int frames, int64_t before, float *state, float *const room[4],
    float *to) {
    const int hidden = t->input.outputs, half = t->head_dim / 2, inner = t->layers->gate_up.outputs / 2;
    float rotations[frames * t->head_dim], *residual = room[0], *normed = room[1], *joint = room[2], *made = room[3];
    for (int i = 0; i < frames * half; i++) {
        const double angle = (before + i / half) * pow(t->theta, -(double)(i % half) / half);
        rotations[2 * i] = cos(angle);
        rotations[2 * i + 1] = sin(angle);
    }
    dense_product(&t->input, rows, t->input.inputs, frames, residual, 0);
    for (const struct codec_layer *layer = t->layers; layer < t->layers + t->count; layer++) {
        rms_normed(residual, frames, hidden, t->epsilon, normed);
        dense_product(&layer->queries_keys_values, normed, hidden, frames, joint, 0);
        attend_window(t, layer, state, before, frames, rotations, joint, made);
        dense_product(&layer->output, made, layer->output.inputs, frames, residual, 1);
        rms_normed(residual, frames, hidden, t->epsilon, normed);
        dense_product(&layer->gate_up, normed, hidden, frames, joint, 0);
        for (int i = 0; i < frames; i++) gate_up(joint + i * 2 * inner, inner, made + i * inner);
        dense_product(&layer->down, made, inner, frames, residual, 1);
    }
    rms_normed(residual, frames, hidden, t->epsilon, normed);
    dense_product(&t->output, normed, hidden, frames, to, 0);
}

/* A ConvNeXt block: `rows` [count, width] become what comes out of it. `seen` has DEPTH - 1 rows before them. */
static void convnext(
    const struct upsampling *u, const float *seen, int count, float *normed, float *wide, float *rows) {
    const int width = u->width;
    for (int row = 0; row < count; row++) {
        float *mine = normed + (size_t)row * width, total = 0, square = 0;
        memcpy(mine, u->bias, sizeof(float) * width);
        for (int tap = 0; tap < DEPTH; tap++)
            for (int i = 0; i < width; i++)
                mine[i] += seen[(size_t)(row + tap) * width + i] * u->depthwise[tap * width + i];
        for (int i = 0; i < width; i++) total += mine[i];
        for (int i = 0; i < width; i++) {
            mine[i] -= total / width;
            square += mine[i] * mine[i];
        }
        const float scale = 1 / sqrtf(square / width + LAYER_NORM_EPSILON);
        for (int i = 0; i < width; i++) mine[i] = mine[i] * scale * u->norm[i] + u->norm_bias[i];
    }
    dense_product(&u->wide, normed, width, count, wide, 0);
    for (size_t i = 0; i < (size_t)count * u->wide.outputs; i++)
        wide[i] *= 0.5f * (1 + erff(wide[i] * (float)M_SQRT1_2));
    dense_product(&u->narrow, wide, u->wide.outputs, count, rows, 1);
}
