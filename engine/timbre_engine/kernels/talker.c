/* A device for llama.cpp that multiplies with the talker's matrices of Q4_K and Q6_K; all else stays the CPU's.
 *
 * It is to ggml what its BLAS device is: an accelerator beside the CPU, over memory that both read. Whatever is loaded
 * into a buffer of its type and has that form is laid out as `kquants.h` has it.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "ggml.h"
#include "library.h"
#include "talker_product.h"

#define ALIGNMENT 64

/* What is called of the library. */
struct ggml {
    struct ggml_backend_buffer *(*buffer_init)(
        struct ggml_backend_buffer_type *type, struct ggml_backend_buffer_i iface, void *context, size_t size);
    void (*buffer_free)(struct ggml_backend_buffer *buffer);
    struct ggml_backend_buffer *(*alloc_buffer)(struct ggml_backend_buffer_type *type, size_t size);
    struct ggml_backend_buffer_type *(*cpu_buffer_type)(void);
    bool (*is_host)(struct ggml_backend_buffer_type *type);
    struct ggml_backend_device *(*device_by_type)(int type);
    struct ggml_backend_reg *(*registry_of)(struct ggml_backend_device *device);
    struct ggml_backend *(*backend_init)(struct ggml_backend_device *device, const char *params);
    void (*backend_free)(struct ggml_backend *backend);
    void (*add)(struct ggml_backend_reg *reg);
    size_t (*tensor_overhead)(void);
    size_t (*nbytes)(const struct ggml_tensor *tensor);
    const char *(*op_name)(int op);
    const char *(*type_name)(int type);
    int (*nodes)(struct ggml_cgraph *graph);
    struct ggml_tensor *(*node)(struct ggml_cgraph *graph, int index);
};

static struct ggml ggml;
static union {
    struct ggml_backend_buffer_type_2 two;
    struct ggml_backend_buffer_type_3 three;
} weights;
static struct ggml_backend_buffer_type *const weights_type = (void *)&weights;
static struct ggml_backend_device device;
static struct ggml_backend_reg registry;

static const char *name_of_backend(struct ggml_backend *backend) {
    (void)backend;
    return "Timbre";
}

static void free_backend(struct ggml_backend *backend) {
    free(((struct room *)backend->context)->rounded.levels);
    free(backend->context);
    free(backend);
}

static int compute(struct ggml_backend *backend, struct ggml_cgraph *graph) {
    const int count = ggml.nodes(graph);
    for (int i = 0; i < count; i++) {
        const struct ggml_tensor *node = ggml.node(graph, i);
        const int status = node->op == GGML_OP_MUL_MAT ? multiply(backend->context, node) : GGML_STATUS_SUCCESS;
        if (status != GGML_STATUS_SUCCESS) return status;
    }
    return GGML_STATUS_SUCCESS;
}

static void free_buffer(struct ggml_backend_buffer *buffer) { free(buffer->context); }

static void *base(struct ggml_backend_buffer *buffer) { return buffer->context; }

static void clear(struct ggml_backend_buffer *buffer, uint8_t value) { memset(buffer->context, value, buffer->size); }

/* llama.cpp gives a tensor whole, or whole rows of it. */
static void set_tensor(
    struct ggml_backend_buffer *buffer, struct ggml_tensor *tensor, const void *data, size_t offset, size_t size) {
    (void)buffer;
    if (!is_tiled(tensor)) {
        memcpy((char *)tensor->data + offset, data, size);
        return;
    }
    const int count = tensor->ne[0] / SUPER;
    const size_t row_bytes = count * block_bytes(tensor->type), group_bytes = count * tile_bytes(tensor->type);
    for (size_t row = offset / row_bytes; row < (offset + size) / row_bytes; row++) {
        const void *blocks = (const char *)data + row * row_bytes - offset;
        void *tiles = (char *)tensor->data + row / LANES * group_bytes;
        if (tensor->type == GGML_TYPE_Q4_K) lay_q4_row(blocks, count, tiles, row % LANES);
        else lay_q6_row(blocks, count, tiles, row % LANES);
    }
}

static const char *name_of_type(struct ggml_backend_buffer_type *type) {
    (void)type;
    return "Timbre";
}

static struct ggml_backend_buffer *alloc_buffer(struct ggml_backend_buffer_type *type, size_t size) {
    static const struct ggml_backend_buffer_i functions = {
        .free_buffer = free_buffer, .get_base = base, .set_tensor = set_tensor, .clear = clear};
    const size_t whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = size < 8 * HUGE_PAGE ? aligned_alloc(ALIGNMENT, whole) : huge_pages(size);
    return memory ? ggml.buffer_init(type, functions, memory, size) : NULL;
}

static size_t alignment(struct ggml_backend_buffer_type *type) {
    (void)type;
    return ALIGNMENT;
}

static size_t alloc_size(struct ggml_backend_buffer_type *type, const struct ggml_tensor *tensor) {
    (void)type;
    if (!is_tiled(tensor)) return ggml.nbytes(tensor);
    return tensor->ne[0] / SUPER * (tensor->ne[1] / LANES) * tile_bytes(tensor->type);
}

static bool is_host(struct ggml_backend_buffer_type *type) {
    (void)type;
    return true; /* adapters of these matrices come to lie here too, and are the CPU's to multiply with */
}

static const char *name_of_device(struct ggml_backend_device *dev) {
    (void)dev;
    return "Timbre";
}

static const char *description(struct ggml_backend_device *dev) {
    (void)dev;
    return "products of few rows with Q4_K and Q6_K";
}

static void memory(struct ggml_backend_device *dev, size_t *left, size_t *total) {
    (void)dev;
    *left = *total = 0;
}

static int kind(struct ggml_backend_device *dev) {
    (void)dev;
    return GGML_BACKEND_DEVICE_TYPE_ACCEL;
}

static void properties(struct ggml_backend_device *dev, struct ggml_backend_dev_props *props) {
    *props = (struct ggml_backend_dev_props){
        .name = name_of_device(dev), .description = description(dev), .type = GGML_BACKEND_DEVICE_TYPE_ACCEL};
}

static struct ggml_backend *init_backend(struct ggml_backend_device *dev, const char *params) {
    (void)params;
    static const uint8_t guid[16] = "timbre's talker";
    struct ggml_backend *backend = malloc(sizeof *backend);
    struct room *room = calloc(1, sizeof *room);
    if (!backend || !room) {
        free(backend);
        free(room);
        return NULL;
    }
    *backend = (struct ggml_backend){
        .guid = guid,
        .get_name = name_of_backend,
        .free = free_backend,
        .graph_compute = compute,
        .device = dev,
        .context = room};
    return backend;
}

/* What products make lies where the CPU's results do. */
static struct ggml_backend_buffer_type *results(struct ggml_backend_device *dev) {
    (void)dev;
    return ggml.cpu_buffer_type();
}

static bool supports_op(struct ggml_backend_device *dev, const struct ggml_tensor *op) {
    (void)dev;
    if (op->op != GGML_OP_MUL_MAT) return false;
    const struct ggml_tensor *matrix = op->src[0], *inputs = op->src[1];
    const struct ggml_backend_buffer *buffer = matrix->buffer;
    return buffer && buffer->buft == weights_type && is_tiled(matrix) && inputs->type == GGML_TYPE_F32 &&
           inputs->nb[0] == sizeof(float) && inputs->ne[2] == 1 && inputs->ne[3] == 1;
}

static bool supports_type(struct ggml_backend_device *dev, struct ggml_backend_buffer_type *type) {
    (void)dev;
    return type == weights_type || ggml.is_host(type);
}

static size_t device_count(struct ggml_backend_reg *reg) {
    (void)reg;
    return 1;
}

static struct ggml_backend_device *get_device(struct ggml_backend_reg *reg, size_t index) {
    (void)reg;
    (void)index;
    return &device;
}

static const char *name_of_registry(struct ggml_backend_reg *reg) {
    (void)reg;
    return "Timbre";
}

static void *no_function(struct ggml_backend_reg *reg, const char *name) {
    (void)reg;
    (void)name;
    return NULL;
}

/* The version of the interface, where the library's structures, of its CPU, are what is written in ggml.h; else 0. */
static int known_version(void) {
    struct ggml_backend_device *cpu = ggml.device_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (!cpu || cpu->reg != ggml.registry_of(cpu)) return 0;
    if (ggml.tensor_overhead() != GGML_OBJECT_SIZE + sizeof(struct ggml_tensor)) return 0;
    if (strcmp(ggml.op_name(GGML_OP_MUL_MAT), "MUL_MAT")) return 0;
    if (strcmp(ggml.type_name(GGML_TYPE_Q4_K), "q4_K") || strcmp(ggml.type_name(GGML_TYPE_Q6_K), "q6_K")) return 0;
    const int version = cpu->reg->api_version;
    void *type = ggml.cpu_buffer_type();
    const bool host = (version == 2 && ((struct ggml_backend_buffer_type_2 *)type)->is_host) ||
                      (version == 3 && ((struct ggml_backend_buffer_type_3 *)type)->is_host);
    struct ggml_backend *backend = ggml.backend_init(cpu, NULL);
    struct ggml_backend_buffer *buffer = ggml.alloc_buffer(type, ALIGNMENT);
    const bool known = backend && backend->device == cpu && buffer && buffer->buft == type && buffer->size == ALIGNMENT;
    if (backend) ggml.backend_free(backend);
    if (buffer) ggml.buffer_free(buffer);
    return host && known ? version : 0;
}

/* The type of buffer that such matrices are to be loaded into, with the device made known to the library; NULL: that
 * one lays its structures out otherwise, or another has the device already. */
PUBLIC struct ggml_backend_buffer_type *timbre_talker_weights(const struct ggml *functions) {
    if (registry.api_version) return functions->add == ggml.add ? weights_type : NULL;
    ggml = *functions;
    const int version = known_version();
    if (!version) return NULL;
    if (version == 2)
        weights.two = (struct ggml_backend_buffer_type_2){
            name_of_type, alloc_buffer, alignment, NULL, alloc_size, is_host, &device, NULL};
    else
        weights.three = (struct ggml_backend_buffer_type_3){
            name_of_type, alloc_buffer, NULL, alignment, NULL, alloc_size, NULL, is_host, &device, NULL};
    device = (struct ggml_backend_device){
        .get_name = name_of_device,
        .get_description = description,
        .get_memory = memory,
        .get_type = kind,
        .get_props = properties,
        .init_backend = init_backend,
        .get_buffer_type = results,
        .supports_op = supports_op,
        .supports_buft = supports_type,
        .reg = &registry};
    registry = (struct ggml_backend_reg){
        .api_version = version,
        .get_name = name_of_registry,
        .get_device_count = device_count,
        .get_device = get_device,
        .get_proc_address = no_function};
    ggml.add(&registry);
    return weights_type;
}
