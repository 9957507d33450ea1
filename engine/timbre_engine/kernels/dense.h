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
#define NEAR 4096 /* bytes of weights that are fetched ahead where they are used but once */

/* bias [outputs], or NULL. inputs and outputs are multiples of LANES. */
struct dense {
    int inputs, outputs;
    const float *panels; /* [outputs / PANEL rounded up, inputs, PANEL] */
    const float *bias;
};

/* `count` rows by a panel; `half`: of which only the first half is there. Every `apart` bytes from `ahead` on are
 * fetched meanwhile. */
static inline __attribute__((always_inline)) void block(
    const float *rows, ptrdiff_t stride, const float *panel, const float *bias, int inputs, float *to,
    ptrdiff_t to_stride, int half, int add, const char *ahead, ptrdiff_t apart, const int count) {
    __m256 left[STEP], right[STEP];
    for (int m = 0; m < count; m++) {
        left[m] = bias ? _mm256_loadu_ps(bias) : _mm256_setzero_ps();
        right[m] = bias && !half ? _mm256_loadu_ps(bias + LANES) : _mm256_setzero_ps();
    }
    for (int i = 0; i < inputs; i++, panel += PANEL, ahead += apart) {
        _mm_prefetch(ahead, _MM_HINT_T0);
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

/* `count` rows [inputs], `stride` floats apart, which may be less than a row -> rows [outputs]; add: to what is there.
 * The steps with a panel share in fetching the next. */
static void dense_product(
    const struct dense *matrix, const float *rows, ptrdiff_t stride, int count, float *to, int add) {
    const ptrdiff_t outputs = matrix->outputs, line = sizeof(float) * PANEL;
    const ptrdiff_t steps = (count + STEP - 1) / STEP, apart = steps < line ? line / steps : 1;
    for (int panel = 0; panel < outputs; panel += PANEL) {
        const float *weights = matrix->panels + (size_t)panel * matrix->inputs;
        const float *bias = matrix->bias ? matrix->bias + panel : NULL;
        const int half = outputs - panel < PANEL;
        for (int row = 0; row < count; row += STEP) {
            const float *from = rows + row * stride;
            const ptrdiff_t later = steps > 1 ? (line + row / STEP * apart) * matrix->inputs : NEAR;
            const char *ahead = (const char *)weights + later;
            float *place = to + row * outputs + panel;
#define BLOCK_OF(number) \
    block(from, stride, weights, bias, matrix->inputs, place, outputs, half, add, ahead, apart, number)
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
}
