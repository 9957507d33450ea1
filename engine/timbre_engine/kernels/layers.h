/* The predictor's layers: attention over at most POSITIONS positions, and an MLP, with what adapters add. */
#pragma once
#include "matrix.h"
#include "transformer.h"

#define CODES 15
#define POSITIONS (CODES + 1)
#define MOST_RANK 4096 /* of what adapters add to a matrix together */

struct sizes {
    int32_t talker, hidden, layers, heads, kv_heads, head_dim, ffn;
    float epsilon;
    double theta;
};

/* What adapters add to a matrix: b a; a [columns, rank], b [rank, rows] of each stream, or of all. Rank 0: nothing. */
struct factor {
    const float *a, *b;
    int32_t rank;
};

struct request {
    int32_t streams;
    int32_t shared;               /* whether factors are one set for all streams */
    const float *hidden, *code0;  /* [streams, talker] */
    const float *uniform;         /* [CODES, streams] */
    const float *temperature;     /* [streams], as the next two */
    const int32_t *top_k;         /* 1 to VOCABULARY */
    const float *top_p;
    const struct factor *factors; /* [layers, MATRICES], or NULL */
};

enum { QUERIES_KEYS_VALUES, OUTPUT, GATE_UP, DOWN, MATRICES };

struct layer {
    const float *before_attention, *query_norm, *key_norm, *before_mlp;
    struct matrix matrices[MATRICES];
};

struct predictor {
    struct sizes sizes;
    struct matrix projection, heads[CODES];
    const float *projection_bias, *final;
    struct source tables[CODES];
    struct layer *layers;
    struct tile *tiles;
    float *rotations; /* [POSITIONS, head_dim / 2, (cosine, sine)] */
    int streams;      /* that there is room for in what follows; `room` is all of it */
    void *room;
    float *inputs, *residual, *normed, *joint, *attended, *active, *logits, *low;
    float *keys, *values; /* [layers, streams, POSITIONS, kv_heads * head_dim] */
    struct rounded rounded;
};

static void adapted_product(struct predictor *p, const struct request *request, int layer, int which,
                            const float *inputs, float *outputs, int each) {
    const struct matrix *matrix = &p->layers[layer].matrices[which];
    const int rows = matrix->rows, columns = matrix->columns;
    product(matrix, &p->rounded, inputs, outputs, each * request->streams);
    const struct factor factor = request->factors ? request->factors[layer * MATRICES + which] : (struct factor){0};
    for (int input = 0; factor.rank && input < each * request->streams; input++) {
        const size_t set = request->shared ? 0 : input / each;
        const float *a = factor.a + set * columns * factor.rank, *b = factor.b + set * rows * factor.rank;
        memset(p->low, 0, sizeof(float) * factor.rank);
        for (int column = 0; column < columns; column++)
            add_scaled(p->low, inputs[input * columns + column], a + (size_t)column * factor.rank, factor.rank);
        for (int i = 0; i < factor.rank; i++) add_scaled(outputs + input * rows, p->low[i], b + (size_t)i * rows, rows);
    }
}

/* One position's queries, keys and values, side by side in `joint` -> `attended` [heads * head_dim]. */
static void attend(struct predictor *p, int number, int stream, int position, float *joint, float *attended) {
    const struct sizes *s = &p->sizes;
    const struct layer *layer = &p->layers[number];
    const int head_dim = s->head_dim, width = s->kv_heads * head_dim;
    const size_t start = ((size_t)number * p->streams + stream) * POSITIONS * width;
    float *keys = p->keys + start, *values = p->values + start;
    for (int head = 0; head < s->heads + s->kv_heads; head++) {
        float *mine = joint + head * head_dim;
        rms_norm(head < s->heads ? layer->query_norm : layer->key_norm, mine, mine, head_dim, s->epsilon);
        rotate(mine, p->rotations + position * head_dim, head_dim / 2);
    }
    memcpy(keys + position * width, joint + s->heads * head_dim, sizeof(float) * width);
    memcpy(values + position * width, joint + s->heads * head_dim + width, sizeof(float) * width);
    for (int head = 0; head < s->heads; head++) {
        const int shared = head / (s->heads / s->kv_heads) * head_dim;
        float weights[POSITIONS];
        attend_head(joint + head * head_dim, keys + shared, values + shared, width, POSITIONS, 0, position + 1,
                    head_dim, weights, attended + head * head_dim);
    }
}

/* `residual` [streams * each, hidden] through every layer; input i: position `first` + i % each of stream i / each. */
static void run_layers(struct predictor *p, const struct request *request, int first, int each) {
    const struct sizes *s = &p->sizes;
    const int count = request->streams * each, hidden = s->hidden, queries = s->heads * s->head_dim;
    const int joint = queries + 2 * s->kv_heads * s->head_dim;
    for (int number = 0; number < s->layers; number++) {
        const struct layer *layer = &p->layers[number];
        for (int i = 0; i < count; i++)
            rms_norm(layer->before_attention, p->residual + i * hidden, p->normed + i * hidden, hidden, s->epsilon);
        adapted_product(p, request, number, QUERIES_KEYS_VALUES, p->normed, p->joint, each);
        for (int i = 0; i < count; i++)
            attend(p, number, i / each, first + i % each, p->joint + i * joint, p->attended + i * queries);
        adapted_product(p, request, number, OUTPUT, p->attended, p->normed, each);
        add_scaled(p->residual, 1, p->normed, count * hidden);
        for (int i = 0; i < count; i++)
            rms_norm(layer->before_mlp, p->residual + i * hidden, p->normed + i * hidden, hidden, s->epsilon);
        adapted_product(p, request, number, GATE_UP, p->normed, p->joint, each);
        for (int i = 0; i < count; i++) gate_up(p->joint + i * 2 * s->ffn, s->ffn, p->active + i * s->ffn);
        adapted_product(p, request, number, DOWN, p->active, p->normed, each);
        add_scaled(p->residual, 1, p->normed, count * hidden);
    }
}

