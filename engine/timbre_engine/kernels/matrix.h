/* Matrices, of float32 or of 4 bits in blocks that share a scale, and products with a few rows of inputs.
 *
 * A product with one row reads each weight once and waits for memory more than it computes. So 4-bit matrices are laid
 * out in the order in which they are read, in huge pages, and fetched ahead; and most of them past the shared cache, so
 * that those that have room in it stay there.
 */
#pragma once
#include <stdint.h>
#include <string.h>

#include "library.h"
#include "team.h"
#include "vectors.h"

#define BLOCK 32
#define MOST_INPUTS 4 /* rows of inputs that a weight is unpacked for at once */
#define AHEAD 1920    /* bytes of weights that are fetched before they are wanted */
#define PIECE ((size_t)96 << 10) /* bytes of weights that a thread takes at once where several share a product */

/* A weight as `predictor.onnx` has it. Without scales it is float32: a matrix [columns, rows], a table [rows, columns].
 * With scales: levels of 4 bits [rows, columns / BLOCK, BLOCK / 2] for a matrix, of 8 [rows, columns] for a table. */
struct source {
    const void *values;
    const float *scales;
};

/* Eight rows by BLOCK columns. Byte t of row r in part i: column 8 i + t in the low bits, 8 i + 4 + t in the high. */
struct tile {
    uint8_t levels[4][LANES][4];
    uint16_t scales[LANES]; /* float16 */
};

struct matrix {
    int rows, columns, stays; /* stays: in the shared cache, from one product to the next */
    const float *dense;       /* [columns, rows] */
    const struct tile *tiles; /* [rows / LANES, columns / BLOCK] */
};

/* Rows of inputs, rounded to 8 bits block by block. */
struct rounded {
    int8_t *levels; /* [MOST_INPUTS, columns] */
    float *scales;  /* [MOST_INPUTS, columns / BLOCK] */
    float *middles; /* the same; what a product has too much, since levels of weights are counted from 0 and mean -8 */
};

/* Lay a matrix out. Tiles are made where `tiles` points, which moves on behind them. */
static void take_matrix(
    struct matrix *matrix, const struct source *source, int rows, int columns, struct tile **tiles) {
    const int blocks = columns / BLOCK;
    matrix->rows = rows;
    matrix->columns = columns;
    if (!source->scales) {
        matrix->dense = source->values;
        return;
    }
    struct tile *mine = *tiles;
    matrix->tiles = mine;
    *tiles += (size_t)rows / LANES * blocks;
    for (int row = 0; row < rows; row++)
        for (int block = 0; block < blocks; block++) {
            const uint8_t *levels = (const uint8_t *)source->values + ((size_t)row * blocks + block) * (BLOCK / 2);
            struct tile *tile = &mine[(size_t)(row / LANES) * blocks + block];
            for (int column = 0; column < BLOCK; column++) {
                const int level = levels[column / 2] >> column % 2 * 4 & 15, high = column / 4 % 2;
                uint8_t *byte = &tile->levels[column / 8][row % LANES][column % 4];
                *byte = high ? *byte | level << 4 : level;
            }
            tile->scales[row % LANES] = _cvtss_sh(source->scales[(size_t)row * blocks + block], 0);
        }
}

static void round_inputs(const float *inputs, int columns, int8_t *levels, float *scales, float *middles) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    for (int block = 0; block < columns / BLOCK; block++, inputs += BLOCK, levels += BLOCK) {
        __m256 parts[4], largest = _mm256_setzero_ps();
        for (int i = 0; i < 4; i++) {
            parts[i] = _mm256_loadu_ps(inputs + LANES * i);
            largest = _mm256_max_ps(largest, _mm256_and_ps(parts[i], magnitude));
        }
        const float most = max8(largest);
        const __m256 inverse = _mm256_set1_ps(most > 0 ? 127 / most : 0);
        __m256i whole[4], total = _mm256_setzero_si256();
        for (int i = 0; i < 4; i++) {
            whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(parts[i], inverse));
            total = _mm256_add_epi32(total, whole[i]);
        }
        const __m256i first = _mm256_packs_epi32(whole[0], whole[1]), second = _mm256_packs_epi32(whole[2], whole[3]);
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by halves */
        const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
        _mm256_storeu_si256((__m256i *)levels, bytes);
        scales[block] = most / 127;
        middles[block] = 8 * sum8(_mm256_cvtepi32_ps(total));
    }
}

/* Outputs `first` to `end` of a product with `count` rows of inputs. */
static inline __attribute__((always_inline)) void tiles_product(
    const struct matrix *matrix, const struct rounded *inputs, float *outputs, int first, int end, const int count) {
    const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    const int columns = matrix->columns, blocks = columns / BLOCK;
    const struct tile *tile = matrix->tiles + (size_t)first / LANES * blocks;
    for (int row = first; row < end; row += LANES) {
        __m256 totals[MOST_INPUTS];
        for (int m = 0; m < count; m++) totals[m] = _mm256_setzero_ps();
        for (int block = 0; block < blocks; block++, tile++) {
            const char *ahead = (const char *)tile + AHEAD;
            for (size_t line = 0; line < sizeof *tile; line += 64)
                if (matrix->stays) _mm_prefetch(ahead + line, _MM_HINT_T0);
                else _mm_prefetch(ahead + line, _MM_HINT_NTA);
            __m256i weights[8];
            for (int i = 0; i < 4; i++) {
                const __m256i both = _mm256_loadu_si256((const __m256i *)tile->levels[i]);
                weights[2 * i] = _mm256_and_si256(both, low);
                weights[2 * i + 1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
            }
            const __m256 steps = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)tile->scales));
            for (int m = 0; m < count; m++) {
                const int8_t *levels = inputs->levels + m * columns + block * BLOCK;
                const int at = m * blocks + block;
                int32_t four;
                /* Each lane adds eight pairs of products, at most 8 * 2 * 15 * 127: within 16 bits. */
                __m256i sums = _mm256_setzero_si256();
                for (int i = 0; i < 8; i++) {
                    memcpy(&four, levels + 4 * i, sizeof four);
                    sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(weights[i], _mm256_set1_epi32(four)));
                }
                const __m256 whole = _mm256_cvtepi32_ps(_mm256_madd_epi16(sums, ones));
                const __m256 level = _mm256_sub_ps(whole, _mm256_broadcast_ss(inputs->middles + at));
                const __m256 scale = _mm256_mul_ps(steps, _mm256_broadcast_ss(inputs->scales + at));
                totals[m] = _mm256_fmadd_ps(level, scale, totals[m]);
            }
        }
        for (int m = 0; m < count; m++) _mm256_storeu_ps(outputs + m * matrix->rows + row, totals[m]);
    }
}

struct product {
    const struct matrix *matrix;
    const struct rounded *inputs;
    float *outputs;
    int count, rows; /* rows: of the matrix in a piece */
};

static void product_piece(const void *job, int piece) {
    const struct product *p = job;
    const int first = piece * p->rows, rest = p->matrix->rows - first, end = first + (rest < p->rows ? rest : p->rows);
    switch (p->count) { /* so that each count has a loop of its own */
    case 1: tiles_product(p->matrix, p->inputs, p->outputs, first, end, 1); break;
    case 2: tiles_product(p->matrix, p->inputs, p->outputs, first, end, 2); break;
    case 3: tiles_product(p->matrix, p->inputs, p->outputs, first, end, 3); break;
    default: tiles_product(p->matrix, p->inputs, p->outputs, first, end, MOST_INPUTS);
    }
}

/* inputs [count, columns] times the transpose of a matrix: outputs [count, rows]. */
static void product(const struct matrix *matrix, struct rounded *room, const float *inputs, float *outputs, int count) {
    const int rows = matrix->rows, columns = matrix->columns, blocks = columns / BLOCK;
    if (matrix->dense) {
        memset(outputs, 0, sizeof(float) * count * rows);
        for (int column = 0; column < columns; column++) {
            const float *weights = matrix->dense + (size_t)column * rows;
            for (int m = 0; m < count; m++) add_scaled(outputs + m * rows, inputs[m * columns + column], weights, rows);
        }
        return;
    }
    for (; count > 0; count -= MOST_INPUTS, inputs += MOST_INPUTS * columns, outputs += MOST_INPUTS * rows) {
        const int now = count < MOST_INPUTS ? count : MOST_INPUTS;
        for (int m = 0; m < now; m++) {
            float *scales = room->scales + m * blocks, *middles = room->middles + m * blocks;
            round_inputs(inputs + m * columns, columns, room->levels + m * columns, scales, middles);
        }
        const int groups = PIECE / (blocks * sizeof(struct tile)), each = LANES * (groups ? groups : 1);
        const struct product shared = {matrix, room, outputs, now, each};
        timbre_share(product_piece, &shared, (rows + each - 1) / each, LANGUAGE_S);
    }
}
