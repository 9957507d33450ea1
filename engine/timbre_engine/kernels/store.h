/* Weights as a codec's calls want them, side by side in one piece of memory.
 *
 * Everything is taken twice in the same order: first without memory, to learn how much of it there shall be. Channels
 * are filled up with zeros to a multiple of LANES.
 */
#pragma once
#include <string.h>

#include "dense.h"

struct store {
    float *start; /* NULL: only `used` counts */
    size_t used;
    const float *const *sources; /* what comes next */
};

/* A side of a matrix: so many groups (taps, phases) of channels. */
struct side {
    int groups, channels;
};

static int filled(int channels) { return (channels + LANES - 1) / LANES * LANES; }

static int width(struct side side) { return side.groups * filled(side.channels); }

static const float *next_source(struct store *store) { return store->start ? *store->sources++ : NULL; }

static float *place(struct store *store, size_t count) {
    float *mine = store->start ? store->start + store->used : NULL;
    store->used += (count + PANEL - 1) / PANEL * PANEL;
    return mine;
}

/* [side] as it lies in the file. */
static const float *take_vector(struct store *store, struct side side) {
    const float *values = next_source(store);
    float *mine = place(store, width(side));
    if (mine) memset(mine, 0, sizeof(float) * width(side));
    for (int group = 0; mine && group < side.groups; group++)
        memcpy(mine + (size_t)group * filled(side.channels), values + (size_t)group * side.channels,
               sizeof(float) * side.channels);
    return mine;
}

/* One matrix [in, out] at `values`. */
static struct dense take_matrix_at(struct store *store, const float *values, struct side in, struct side out) {
    const int inputs = width(in), outputs = width(out), each = filled(out.channels);
    const size_t size = (size_t)inputs * ((outputs + PANEL - 1) / PANEL * PANEL);
    float *mine = place(store, size);
    if (mine) memset(mine, 0, sizeof(float) * size);
    for (int i = 0; mine && i < inputs; i++) {
        const int channel = i % filled(in.channels);
        if (channel >= in.channels) continue;
        for (int group = 0; group < out.groups; group++)
            for (int o = 0; o < out.channels; o++) {
                const int to = group * each + o;
                mine[((size_t)(to / PANEL) * inputs + i) * PANEL + to % PANEL] = *values++;
            }
    }
    return (struct dense){inputs, outputs, mine, NULL};
}

static struct dense take_matrix(struct store *store, struct side in, struct side out) {
    return take_matrix_at(store, next_source(store), in, out);
}

static struct dense take_linear(struct store *store, struct side in, struct side out) {
    struct dense matrix = take_matrix(store, in, out);
    matrix.bias = take_vector(store, out);
    return matrix;
}
