/* What the predictor's transformer and the codec's have in common, a position or a head at a time. */
#pragma once
#include <float.h>
#include <stdint.h>
#include <string.h>

#include "vectors.h"

/* weight [width], or NULL: it is in the product that follows. */
static inline void rms_norm(const float *weight, const float *values, float *normed, int width, float epsilon) {
    const float scale = 1 / sqrtf(dot(values, values, width) / width + epsilon);
    for (int i = 0; i < width; i++) normed[i] = values[i] * scale * (weight ? weight[i] : 1);
}

/* A head's values turned by its position's angles (cosine, sine): the first half against the second. */
static inline void rotate(float *values, const float *rotations, int half) {
    for (int i = 0; i < half; i++) {
        const float cosine = rotations[2 * i], sine = rotations[2 * i + 1], left = values[i], right = values[half + i];
        values[i] = left * cosine - right * sine;
        values[half + i] = right * cosine + left * sine;
    }
}

/* A head's attention -> `to` [head_dim]. Keys and values lie `stride` apart, in a ring of so many places; those of
 * `count` positions from `first` on. weights: room for `count`. */
static inline void attend_head(
    const float *query, const float *keys, const float *values, int stride, int ring, int64_t first, int count,
    int head_dim, float *weights, float *to) {
    float most = -FLT_MAX, total = 0;
    for (int i = 0; i < count; i++) {
        weights[i] = dot(query, keys + (first + i) % ring * stride, head_dim) / sqrtf(head_dim);
        most = fmaxf(most, weights[i]);
    }
    for (int i = 0; i < count; i++) total += weights[i] = expf(weights[i] - most);
    memset(to, 0, sizeof(float) * head_dim);
    for (int i = 0; i < count; i++) add_scaled(to, weights[i] / total, values + (first + i) % ring * stride, head_dim);
}

/* SwiGLU: both [gate, up], `inner` each -> active [inner]. */
static inline void gate_up(const float *both, int inner, float *active) {
    for (int i = 0; i < inner; i++) active[i] = both[i] / (1 + expf(-both[i])) * both[inner + i];
}
