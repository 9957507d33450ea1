/* The code predictor's frame: fifteen steps of a small Qwen3 model, draws included, on one thread with AVX2 and FMA.
 *
 * It computes what `predictor.onnx` computes (timbre_engine.model.predictor), over the weights of that file: products
 * of 4 bits as ONNX Runtime at accuracy level 4, but for scales in float16. Everything is called with sizes that Python
 * has checked: columns of 4-bit matrices are multiples of BLOCK; rows, widths and half of head_dim of LANES.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "draw.h"
#include "layers.h"

#define STAYING ((size_t)14 << 20) /* bytes of weights that stay in a shared cache of 32 MB beside all else */

static void table_row(const struct source *table, int row, int width, float *values) {
    const size_t start = (size_t)row * width;
    const uint8_t *levels = (const uint8_t *)table->values + start;
    if (!table->scales)
        memcpy(values, (const float *)table->values + start, sizeof(float) * width);
    else
        for (int i = 0; i < width; i++) values[i] = (levels[i] - 128) * table->scales[(start + i) / BLOCK];
}

/* Room for a frame of so many streams; -1: there is none. */
static int make_room(struct predictor *p, int streams) {
    const struct sizes *s = &p->sizes;
    const int queries = s->heads * s->head_dim, keys = s->kv_heads * s->head_dim;
    const int widest = larger(larger(s->ffn, queries), larger(s->hidden, s->talker));
    const size_t inputs = 2 * (size_t)streams, cache = (size_t)s->layers * streams * POSITIONS * keys;
    struct {
        float **part;
        size_t count;
    } parts[] = {
        {&p->inputs, inputs * s->talker},
        {&p->residual, inputs * s->hidden},
        {&p->normed, inputs * s->hidden},
        {&p->joint, inputs * larger(queries + 2 * keys, 2 * s->ffn)},
        {&p->attended, inputs * queries},
        {&p->active, inputs * s->ffn},
        {&p->logits, (size_t)streams * VOCABULARY},
        {&p->low, MOST_RANK},
        {&p->keys, cache},
        {&p->values, cache},
        {&p->rounded.scales, MOST_INPUTS * widest / BLOCK},
        {&p->rounded.middles, MOST_INPUTS * widest / BLOCK},
        {(float **)&p->rounded.levels, MOST_INPUTS * widest / sizeof(float)},
    };
    const int count = sizeof parts / sizeof *parts;
    size_t total = 0;
    for (int i = 0; i < count; i++) total += parts[i].count;
    free(p->room);
    float *next = p->room = malloc(total * sizeof(float));
    p->streams = next ? streams : 0;
    if (!next) return -1;
    for (int i = 0; i < count; next += parts[i++].count) *parts[i].part = next;
    return 0;
}

/* Whether this processor has what all this is compiled for. */
PUBLIC int timbre_kernels_run_here(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

/* A frame of every stream: codes [streams, CODES] and the sums of their embeddings [streams, talker]. -1: no memory. */
PUBLIC int timbre_predictor_frame(struct predictor *p, const struct request *request, int32_t *codes, float *sums) {
    const struct sizes *s = &p->sizes;
    const int streams = request->streams, talker = s->talker, hidden = s->hidden;
    if (streams > p->streams && make_room(p, streams)) return -1;
    for (int stream = 0; stream < streams; stream++) {
        memcpy(p->inputs + 2 * stream * talker, request->hidden + stream * talker, sizeof(float) * talker);
        memcpy(p->inputs + (2 * stream + 1) * talker, request->code0 + stream * talker, sizeof(float) * talker);
    }
    memset(sums, 0, sizeof(float) * streams * talker);
    for (int step = 0; step < CODES; step++) {
        const int each = step ? 1 : 2, count = each * streams; /* the first step reads two positions */
        if (p->projection_bias) {
            product(&p->projection, &p->rounded, p->inputs, p->residual, count);
            for (int i = 0; i < count; i++) add_scaled(p->residual + i * hidden, 1, p->projection_bias, hidden);
        } else {
            memcpy(p->residual, p->inputs, sizeof(float) * count * hidden);
        }
        run_layers(p, request, step ? step + 1 : 0, each);
        for (int stream = 0; stream < streams; stream++) {
            const float *last = p->residual + (stream * each + each - 1) * hidden;
            rms_norm(p->final, last, p->normed + stream * hidden, hidden, s->epsilon);
        }
        product(&p->heads[step], &p->rounded, p->normed, p->logits, streams);
        for (int stream = 0; stream < streams; stream++) {
            float *row = p->inputs + stream * talker;
            const int32_t code =
                draw(p->logits + stream * VOCABULARY, request->temperature[stream], request->top_k[stream],
                     request->top_p[stream], request->uniform[step * streams + stream]);
            codes[stream * CODES + step] = code;
            table_row(&p->tables[step], code, talker, row);
            add_scaled(sums + stream * talker, 1, row, talker);
        }
    }
    return 0;
}

PUBLIC void timbre_predictor_free(struct predictor *p) {
    if (!p) return;
    free(p->layers);
    free(p->tiles);
    free(p->rotations);
    free(p->room);
    free(p);
}

/* `sources`: the projection and its bias (empty where talker and predictor are as wide); of each layer the norm before
 * attention, the matrix of queries, keys and values, the norms of queries and keys, the output, the norm before the
 * MLP, gate and up, down; the final norm; of each code its head and table. Matrices of 4 bits are copied, the rest has
 * to stay where it is. NULL: there is no memory. */
PUBLIC struct predictor *timbre_predictor_new(const struct sizes *sizes, const struct source *sources) {
    struct predictor *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    const struct sizes *s = &p->sizes;
    p->sizes = *sizes;
    const int queries = s->heads * s->head_dim, joint = queries + 2 * s->kv_heads * s->head_dim;
    const size_t layer = (size_t)s->hidden * (joint + queries + 3 * s->ffn);
    const size_t rest = (size_t)s->hidden * (CODES * VOCABULARY + (sources[1].values ? s->talker : 0));
    p->tiles = huge_pages((s->layers * layer + rest) / LANES / BLOCK * sizeof(struct tile));
    p->layers = calloc(s->layers, sizeof *p->layers);
    p->rotations = malloc(sizeof(float) * POSITIONS * s->head_dim);
    if (!p->tiles || !p->layers || !p->rotations) {
        timbre_predictor_free(p);
        return NULL;
    }
    for (int i = 0; i < POSITIONS * s->head_dim / 2; i++) {
        const double angle = i / (s->head_dim / 2) * pow(s->theta, -2.0 * (i % (s->head_dim / 2)) / s->head_dim);
        p->rotations[2 * i] = cos(angle);
        p->rotations[2 * i + 1] = sin(angle);
    }
    struct tile *tiles = p->tiles;
    p->projection_bias = sources[1].values;
    if (p->projection_bias) take_matrix(&p->projection, &sources[0], s->hidden, s->talker, &tiles);
    sources += 2;
    for (int number = 0; number < s->layers; number++, sources += 8) {
        struct layer *layer = &p->layers[number];
        layer->before_attention = sources[0].values;
        take_matrix(&layer->matrices[QUERIES_KEYS_VALUES], &sources[1], joint, s->hidden, &tiles);
        layer->query_norm = sources[2].values;
        layer->key_norm = sources[3].values;
        take_matrix(&layer->matrices[OUTPUT], &sources[4], s->hidden, queries, &tiles);
        layer->before_mlp = sources[5].values;
        take_matrix(&layer->matrices[GATE_UP], &sources[6], 2 * s->ffn, s->hidden, &tiles);
        take_matrix(&layer->matrices[DOWN], &sources[7], s->hidden, s->ffn, &tiles);
        for (struct matrix *each = layer->matrices; each < layer->matrices + MATRICES; each++)
            each->stays = each->tiles && (size_t)(each->tiles - p->tiles) * sizeof(struct tile) < STAYING;
    }
    p->final = sources++->values;
    for (int code = 0; code < CODES; code++, sources += 2) {
        take_matrix(&p->heads[code], &sources[0], VOCABULARY, s->hidden, &tiles);
        p->tables[code] = sources[1];
    }
    return p;
}
