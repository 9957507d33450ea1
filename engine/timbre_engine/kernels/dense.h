/* Matrices of float32, and products of rows with them: the codec's main work, limited by computing.
 *
 * A matrix lies in panels of PANEL outputs, input by input, in the order in which a product reads them. STEP rows by a
 * panel are added up in registers: twelve of the sixteen.
 */
#pragma once
#include <stddef.h>

#include "team.h"
#include "vectors.h"

#define PANEL (2 * LANES)
#define STEP 6
#define SLICE 128 /* inputs whose panel stays in the nearest cache while all rows pass by */
#define NEAR 4096 /* bytes of weights that are fetched ahead where they are used but once */
#define WIDE 512  /* inputs from which on a call needs each weight but once, and leaves the shared cache to others */
#define PIECE_WORK 200000 /* products of two numbers that a thread takes at once, at least, where two share them */

/* bias [outputs], or NULL. inputs and outputs are multiples of LANES. */
struct dense {
    int inputs, outputs;
    const float *panels; /* [outputs / PANEL rounded up, inputs, PANEL] */
    const float *bias;
};

/* `count` rows by a slice of a panel; `half`: of which only the first half is there. Meanwhile every `apart` bytes from
 * `ahead` on are fetched; `once`: past the shared cache. */
static inline __attribute__((always_inline)) void block(
    const float *rows, ptrdiff_t stride, const float *panel, const float *bias, int inputs, float *to,
    ptrdiff_t to_stride, int half, int add, const char *ahead, ptrdiff_t apart, const int once, const int count) {
    __m256 left[STEP], right[STEP];
    for (int m = 0; m < count; m++) {
        left[m] = bias ? _mm256_loadu_ps(bias) : _mm256_setzero_ps();
        right[m] = bias && !half ? _mm256_loadu_ps(bias + LANES) : _mm256_setzero_ps();
    }
    for (int i = 0; i < inputs; i++, panel += PANEL, ahead += apart) {
        if (once) _mm_prefetch(ahead, _MM_HINT_NTA);
        else _mm_prefetch(ahead, _MM_HINT_T0);
        const __m256 first = _mm256_loadu_ps(panel), second = _mm256_loadu_ps(panel + LANES);
        for (int m = 0; m < count; m++) {
            const __m256 value = _mm256_broadcast_ss(rows + m * stride + i);
            left[m] = _mm256_fmadd_ps(value, first, left[m]);
            right[m] = _mm256_fmadd_ps(value, second, right[m]);
        }
    }
    for (int m = 0; m < count; m++, to += to_stride) {
        _mm256_storeu_ps(to, add ? _mm256_add_ps(left[m], _mm256_loadu_ps(to)) : left[m]);
        if (half) continue;
        _mm256_storeu_ps(to + LANES, add ? _mm256_add_ps(right[m], _mm256_loadu_ps(to + LANES)) : right[m]);
    }
}

/* All rows by a slice, the steps of which share in fetching the next one. */
static inline __attribute__((always_inline)) void slice_product(
    const float *rows, ptrdiff_t stride, int count, const float *panel, const float *bias, int inputs, float *to,
    ptrdiff_t to_stride, int half, int add, const int once) {
    const ptrdiff_t line = sizeof(float) * PANEL, steps = (count + STEP - 1) / STEP;
    const ptrdiff_t apart = steps < line ? line / steps : 1;
    const char *ahead = (const char *)panel + (steps > 1 ? line * inputs : NEAR);
    for (int row = 0; row < count; row += STEP, ahead += apart * inputs) {
#define BLOCK_OF(number) \
    block(rows + row * stride, stride, panel, bias, inputs, to + row * to_stride, to_stride, half, add, ahead, apart, \
          once, number)
        switch (count - row) { /* so that each count has a loop of its own */
        case 1: BLOCK_OF(1); break;
        case 2: BLOCK_OF(2); break;
        case 3: BLOCK_OF(3); break;
        case 4: BLOCK_OF(4); break;
        case 5: BLOCK_OF(5); break;
        default: BLOCK_OF(STEP);
        }
#undef BLOCK_OF
        help_if_asked();
    }
}

/* Outputs `begin` to `end` of a product. A narrow matrix is one slice. */
static void panels_product(
    const struct dense *matrix, const float *rows, ptrdiff_t stride, int count, float *to, int add, int begin,
    int end) {
    const int outputs = matrix->outputs, inputs = matrix->inputs, slice = inputs < WIDE ? inputs : SLICE;
    for (int output = begin; output < end; output += PANEL) {
        const float *panel = matrix->panels + (size_t)output * inputs;
        const int half = outputs - output < PANEL;
        for (int first = 0; first < inputs; first += slice, panel += slice * PANEL) {
            const int now = inputs - first < slice ? inputs - first : slice;
            const float *bias = matrix->bias && !first ? matrix->bias + output : NULL, *from = rows + first;
            float *place = to + output;
            if (inputs < WIDE) slice_product(from, stride, count, panel, bias, now, place, outputs, half, add, 0);
            else slice_product(from, stride, count, panel, bias, now, place, outputs, half, add || first, 1);
        }
    }
}

struct dense_job {
    const struct dense *matrix;
    const float *rows;
    ptrdiff_t stride;
    float *to;
    int count, add, each; /* each: outputs of a piece */
};

static void dense_piece(const void *job, int piece) {
    const struct dense_job *j = job;
    const int begin = piece * j->each, rest = j->matrix->outputs - begin, now = rest < j->each ? rest : j->each;
    panels_product(j->matrix, j->rows, j->stride, j->count, j->to, j->add, begin, begin + now);
}

/* `count` rows [inputs], `stride` floats apart, perhaps less than a row -> rows [outputs]; add: to what is there. */
static void dense_product(
    const struct dense *matrix, const float *rows, ptrdiff_t stride, int count, float *to, int add) {
    const int64_t panel = (int64_t)count * matrix->inputs * PANEL, panels = panel < PIECE_WORK ? PIECE_WORK / panel : 1;
    const struct dense_job job = {matrix, rows, stride, to, count, add, panels * PANEL};
    timbre_share(dense_piece, &job, (matrix->outputs + job.each - 1) / job.each, CODEC_S);
}
