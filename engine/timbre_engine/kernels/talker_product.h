/* A node of ggml's graph that multiplies with a matrix in tiles. */
#pragma once
#include <stdlib.h>

#include "ggml.h"
#include "team.h"
#include "tiles.h"

#define PIECE ((size_t)96 << 10) /* bytes of weights that a thread takes at once where several share a product */

/* The inputs of a product, rounded; it grows with the largest. */
struct room {
    struct rounded rounded;
    size_t inputs;
};

struct product {
    const struct ggml_tensor *matrix;
    const struct rounded *inputs;
    float *outputs;
    ptrdiff_t stride; /* of outputs, in floats */
    int count, rows;  /* rows: of the matrix in a piece */
};

static size_t tile_bytes(int type) { return type == GGML_TYPE_Q4_K ? sizeof(struct tile4) : sizeof(struct tile6); }

static size_t block_bytes(int type) { return type == GGML_TYPE_Q4_K ? sizeof(struct q4_k) : sizeof(struct q6_k); }

/* Whether this is laid out in tiles, wherever it lies in a buffer of this type. */
static bool is_tiled(const struct ggml_tensor *tensor) {
    return (tensor->type == GGML_TYPE_Q4_K || tensor->type == GGML_TYPE_Q6_K) && tensor->ne[0] % SUPER == 0 &&
           tensor->ne[1] % LANES == 0 && tensor->ne[2] == 1 && tensor->ne[3] == 1;
}

static void product_piece(const void *job, int piece) {
    const struct product *p = job;
    const int type = p->matrix->type, columns = p->matrix->ne[0], supers = columns / SUPER;
    const int first = piece * p->rows, rest = p->matrix->ne[1] - first, end = first + (rest < p->rows ? rest : p->rows);
    for (int output = first; output < end; output += LANES) {
        const char *tiles = (const char *)p->matrix->data + (size_t)output / LANES * supers * tile_bytes(type);
        for (int row = 0; row < p->count; row += MOST_INPUTS) {
            float *to = p->outputs + row * p->stride + output;
#define PRODUCT_OF(number) \
    if (type == GGML_TYPE_Q4_K) \
        tile4_product((const void *)tiles, columns, p->inputs, row, to, p->stride, !row, number); \
    else \
        tile6_product((const void *)tiles, columns, p->inputs, row, to, p->stride, !row, number); \
    break
            switch (p->count - row) { /* so that each count has a loop of its own */
            case 1: PRODUCT_OF(1);
            case 2: PRODUCT_OF(2);
            case 3: PRODUCT_OF(3);
            default: PRODUCT_OF(MOST_INPUTS);
            }
#undef PRODUCT_OF
        }
    }
}

static int make_room(struct room *room, size_t inputs) {
    if (inputs <= room->inputs) return 0;
    free(room->rounded.levels);
    const size_t sums = sizeof(int16_t) * (inputs / 16 + inputs / PART), scales = sizeof(float) * (inputs / SUPER);
    room->rounded.levels = malloc(inputs + sums + scales);
    room->inputs = room->rounded.levels ? inputs : 0;
    if (!room->inputs) return -1;
    room->rounded.halves = (int16_t *)(room->rounded.levels + inputs);
    room->rounded.wholes = room->rounded.halves + inputs / 16;
    room->rounded.scales = (float *)(room->rounded.wholes + inputs / PART);
    return 0;
}

static int multiply(struct room *room, const struct ggml_tensor *node) {
    const struct ggml_tensor *matrix = node->src[0], *inputs = node->src[1];
    const int columns = matrix->ne[0], count = inputs->ne[1];
    if (make_room(room, (size_t)count * columns)) return GGML_STATUS_ALLOC_FAILED;
    for (int row = 0; row < count; row++)
        round_row((const float *)((const char *)inputs->data + row * inputs->nb[1]), columns, &room->rounded, row);
    const int groups = PIECE / (columns / SUPER * tile_bytes(matrix->type)), rows = LANES * (groups ? groups : 1);
    const struct product shared = {matrix, &room->rounded, node->data, node->nb[1] / sizeof(float), count, rows};
    timbre_share(product_piece, &shared, (matrix->ne[1] + rows - 1) / rows, LANGUAGE_S);
    return GGML_STATUS_SUCCESS;
}
