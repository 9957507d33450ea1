/* A causal convolution of many rows, with products that neighbouring outputs share
 * (timbre_engine.convert.fast_convolution): a product a point in place of one a tap.
 */
#pragma once
#include "store.h"

#define MOST_POINTS 12
#define TILE 48 /* groups of outputs that are made at once, so that what lies between stays in the caches */

/* Of snakes: x - height * cos(speed * x). What it lacks to the true value, the height, is in the bias that follows. */
struct snake {
    const float *speed, *height;
};

/* points 0: the plain sum of products, over the taps side by side in products[0]. */
struct convolution {
    int taps, dilation, inputs, outputs, points, together; /* together: outputs that share products */
    struct dense products[MOST_POINTS];
    const float *bias, *spread /* [points, points] */, *combine; /* [together, points] */
};

/* Room for a tile. */
struct tile_room {
    float *spread, *made; /* [MOST_POINTS, groups, channels] */
};

static int history(const struct convolution *c) { return (c->taps - 1) * c->dilation; }

/* Rows that a tile's groups take in steps of. */
static int cycle(const struct convolution *c) { return c->points ? c->together * c->dilation : 1; }

static int rounded_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

static struct convolution take_convolution(
    struct store *store, int taps, int dilation, int points, struct side in, struct side out) {
    struct convolution c = {
        .taps = taps, .dilation = dilation, .points = points, .inputs = width(in), .outputs = width(out)};
    if (!points) {
        c.products[0] = take_linear(store, (struct side){taps, in.channels}, out);
        return c;
    }
    const float *weights = next_source(store);
    const size_t each = (size_t)in.groups * in.channels * out.groups * out.channels;
    for (int point = 0; point < points; point++)
        c.products[point] = take_matrix_at(store, weights + (weights ? point * each : 0), in, out);
    c.together = points - taps + 1;
    c.bias = take_vector(store, out);
    c.spread = take_vector(store, (struct side){1, points * points});
    c.combine = take_vector(store, (struct side){1, c.together * points});
    return c;
}

static int tile(const struct convolution *c) {
    return rounded_up(c->inputs < WIDE ? TILE : 2 * TILE, c->dilation);
}

/* to[i] = sum of factors[i][j] * from[j], for LANES channels. */
static inline __attribute__((always_inline)) void mixed(
    const float *factors, const __m256 *from, __m256 *to, const int inputs, const int outputs) {
    for (int i = 0; i < outputs; i++) {
        to[i] = _mm256_mul_ps(_mm256_broadcast_ss(factors + i * inputs), from[0]);
        for (int j = 1; j < inputs; j++)
            to[i] = _mm256_fmadd_ps(_mm256_broadcast_ss(factors + i * inputs + j), from[j], to[i]);
    }
}

/* Group g's rows: `together` of them a dilation apart, from here on. */
static int first_row(const struct convolution *c, int group) {
    return group / c->dilation * cycle(c) + group % c->dilation;
}

static inline __attribute__((always_inline)) void spread_rows(
    const struct convolution *c, const float *seen, int first, int count, float *to, const int points) {
    const size_t inputs = c->inputs, step = c->dilation * inputs;
    for (int group = 0; group < count; group++) {
        const float *rows = seen + first_row(c, first + group) * inputs;
        for (size_t channel = 0; channel < inputs; channel += LANES) {
            __m256 from[MOST_POINTS], at_points[MOST_POINTS];
            for (int j = 0; j < points; j++) from[j] = _mm256_loadu_ps(rows + j * step + channel);
            mixed(c->spread, from, at_points, points, points);
            for (int p = 0; p < points; p++)
                _mm256_storeu_ps(to + ((size_t)p * count + group) * inputs + channel, at_points[p]);
        }
    }
}

/* Rows from products at points; those from `end` on do not exist. swing: y - swing * cos(y) of each y, or NULL. */
static inline __attribute__((always_inline)) void combine_rows(
    const struct convolution *c, const float *made, int first, int count, int end, const float *swing, float *to,
    const int points, const int together) {
    const size_t outputs = c->outputs;
    for (int group = 0; group < count; group++) {
        const int row = first_row(c, first + group);
        for (size_t channel = 0; channel < outputs; channel += LANES) {
            __m256 from[MOST_POINTS], rows[MOST_POINTS];
            for (int p = 0; p < points; p++)
                from[p] = _mm256_loadu_ps(made + ((size_t)p * count + group) * outputs + channel);
            mixed(c->combine, from, rows, points, together);
            for (int i = 0; i < together && row + i * c->dilation < end; i++) {
                __m256 value = _mm256_add_ps(rows[i], _mm256_loadu_ps(c->bias + channel));
                if (swing) value = _mm256_fnmadd_ps(_mm256_loadu_ps(swing + channel), cos8(value), value);
                _mm256_storeu_ps(to + (row + i * c->dilation) * outputs + channel, value);
            }
        }
    }
}

static void spread(const struct convolution *c, const float *seen, int first, int count, float *to) {
    switch (c->points) { /* so that each has a loop of its own */
    case 5: spread_rows(c, seen, first, count, to, 5); break;
    case 8: spread_rows(c, seen, first, count, to, 8); break;
    case 10: spread_rows(c, seen, first, count, to, 10); break;
    case 12: spread_rows(c, seen, first, count, to, 12); break;
    default: spread_rows(c, seen, first, count, to, c->points);
    }
}

static void combine(
    const struct convolution *c, const float *made, int first, int count, int end, const float *swing, float *to) {
    switch (c->points) {
    case 5: combine_rows(c, made, first, count, end, swing, to, 5, 4); break;
    case 8: combine_rows(c, made, first, count, end, swing, to, 8, 2); break;
    case 10: combine_rows(c, made, first, count, end, swing, to, 10, 4); break;
    case 12: combine_rows(c, made, first, count, end, swing, to, 12, 6); break;
    default: combine_rows(c, made, first, count, end, swing, to, c->points, c->together);
    }
}

struct points_job {
    const struct convolution *convolution;
    const struct tile_room *room;
    int count; /* groups */
};

static void point_piece(const void *job, int point) {
    const struct points_job *j = job;
    const struct convolution *c = j->convolution;
    const float *rows = j->room->spread + (size_t)point * j->count * c->inputs;
    float *to = j->room->made + (size_t)point * j->count * c->outputs;
    panels_product(&c->products[point], rows, c->inputs, j->count, to, 0, 0, c->outputs);
}

/* Rows [history + time, and up to a whole cycle more; inputs] -> rows `to` [time, outputs]. Where products are shared:
 * `swing`, or NULL: each y becomes y - swing * cos(y); `mix`, or NULL: its products are added to as many rows `sum`. */
static void convolve(
    const struct convolution *c, const float *seen, int time, const struct tile_room *room, float *to,
    const float *swing, const struct dense *mix, float *sum) {
    if (!c->points) {
        dense_product(&c->products[0], seen, c->inputs, time, to, 0);
        return;
    }
    const int groups = rounded_up(time, cycle(c)) / c->together, most = tile(c);
    for (int first = 0; first < groups; first += most) {
        const int count = groups - first < most ? groups - first : most;
        spread(c, seen, first, count, room->spread);
        const struct points_job job = {c, room, count};
        timbre_share(point_piece, &job, c->points, CODEC_S);
        combine(c, room->made, first, count, time, swing, to);
        const int start = first * c->together, end = start + count * c->together;
        if (mix)
            dense_product(mix, to + (size_t)start * c->outputs, c->outputs, (end < time ? end : time) - start,
                          sum + (size_t)start * mix->outputs, 1);
    }
}
