/* support.c - see support.h. */

#include "support.h"

#include <diffuscope/model.h>
#include <diffuscope/optional.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Figures and parses are those of the program. */
__attribute__((constructor)) static void use_report(void)
{
    ds_report_use();
}

const char *ts_golden(void)
{
    const char *dir = getenv("DS_GOLDEN");

    dir = dir != NULL ? dir : "../shared/golden";
    if (access(dir, R_OK) == 0)
        return dir;
    printf("SKIPPED: no reference numbers at %s (set DS_GOLDEN to their folder)\n", dir);
    return NULL;
}

void ts_golden_cases(const char *golden, const char *part,
                     void (*run)(const char *golden, const char *name))
{
    const struct dirent *e;
    int found = 0;
    DIR *d;

    if (golden == NULL)
        skip();
    d = opendir(ts_path(golden, "cases"));
    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        if (strstr(e->d_name, part) != NULL) {
            run(golden, e->d_name);
            found++;
        }
    closedir(d);
    assert_true(found > 0);
}

const char *ts_path(const char *dir, const char *fmt, ...)
{
    static char ring[8][1024];
    static int next;
    char *buf = ring[next++ % 8];
    int n = snprintf(buf, sizeof ring[0], "%s/", dir);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf + n, sizeof ring[0] - (size_t)n, fmt, ap);
    va_end(ap);
    return buf;
}

float ts_noise(uint64_t *seed)
{
    float s = 0.0f;

    for (int i = 0; i < 4; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        s += (float)(*seed >> 40) / 16777216.0f - 0.5f;
    }
    return s * 1.7320508f;
}

void ts_ok(ds_status st, const ds_error *err)
{
    if (st != DS_OK)
        fail_msg("%s: %s [%s]", ds_status_name(st), err->text, err->name);
}

double ts_compare(const char *what, const float *got, const float *want, int64_t n,
                  double tolerance)
{
    double scale = 0.0, worst = 0.0;
    int64_t where = 0;

    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);

        if (!(d <= worst) && !isnan(worst)) { /* a NaN counts as worst and stays */
            worst = d;
            where = i;
        }
    }
    if (!(worst <= tolerance * scale))
        fail_msg("%s: element %lld is %.9g, expected %.9g; error %.2e of the largest (%.3g), "
                 "tolerance %.1e",
                 what, (long long)where, got[where], want[where], worst / scale, scale, tolerance);
    return scale > 0.0 ? worst / scale : worst;
}

#define CLIP(class_name, width, act)                                                               \
    "{\"architectures\": [\"" class_name "\"], \"vocab_size\": 520, \"hidden_size\": " width ","   \
    " \"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"intermediate_size\": 32,"            \
    " \"projection_dim\": " width ", \"eos_token_id\": 519, \"hidden_act\": \"" act "\"}"

static const char tiny_common[] =
    "{\"vae\": {\"block_out_channels\": [8, 8, 8, 8], \"norm_num_groups\": 4, \"sample_size\": 64,"
    " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\","
    " \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    " \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\","
    " \"UpDecoderBlock2D\"]},"
    " \"scheduler\": {\"_class_name\": \"DDIMScheduler\", \"clip_sample\": false,"
    " \"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.00085, \"beta_end\": 0.012,"
    " \"steps_offset\": 1},"
    " \"text_encoder\": " CLIP("CLIPTextModel", "16",
                               "quick_gelu") ","
                                             " \"unet\": {\"block_out_channels\": [16, 16], "
                                             "\"norm_num_groups\": 8, \"sample_size\": 8,"
                                             " \"down_block_types\": [\"CrossAttnDownBlock2D\", "
                                             "\"DownBlock2D\"], \"layers_per_block\": 1,"
                                             " \"up_block_types\": [\"UpBlock2D\", "
                                             "\"CrossAttnUpBlock2D\"], \"attention_head_dim\": 4,";

static const char *const tiny_rest[2] = {
    " \"cross_attention_dim\": 16}}",
    " \"cross_attention_dim\": 40, \"addition_embed_type\": \"text_time\","
    " \"addition_time_embed_dim\": 4, \"projection_class_embeddings_input_dim\": 48},"
    " \"text_encoder_2\": " CLIP("CLIPTextModelWithProjection", "24", "gelu") "}",
};

static char tiny_dir[] = "/tmp/ds-tiny-XXXXXX";

static void remove_tiny(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -r %s", tiny_dir);
    if (system(command) != 0)
        fprintf(stderr, "%s is left behind\n", tiny_dir);
}

const char *ts_tiny_model(bool xl)
{
    static char path[2][64];
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    char config[64];
    ds_error err = { 0 };
    FILE *f;

    if (path[xl][0] != '\0')
        return path[xl];
    if (path[!xl][0] == '\0') {
        assert_non_null(mkdtemp(tiny_dir));
        atexit(remove_tiny);
    }
    snprintf(config, sizeof config, "%s/config.json", tiny_dir);
    f = fopen(config, "w");
    assert_non_null(f);
    fprintf(f, "%s%s", tiny_common, tiny_rest[xl]);
    fclose(f);
    snprintf(path[xl], sizeof path[xl], "%s/%s", tiny_dir, xl ? "xl" : "sd");
    o.like = config;
    o.seed = 11;
    o.dtype = DS_DTYPE_F32;
    ts_ok(ds_model_create(path[xl], &o, NULL, &err), &err);
    return path[xl];
}

static struct {
    int64_t alive, requests, fail_at;
} heap;

static void *counting_alloc(void *user, size_t bytes)
{
    int64_t n = __atomic_add_fetch(&heap.requests, 1, __ATOMIC_RELAXED);
    void *p;

    (void)user;
    if (n == heap.fail_at)
        return NULL;
    p = aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0));
    if (p != NULL)
        __atomic_add_fetch(&heap.alive, 1, __ATOMIC_RELAXED);
    return p;
}

static void counting_release(void *user, void *block)
{
    (void)user;
    __atomic_sub_fetch(&heap.alive, 1, __ATOMIC_RELAXED);
    free(block);
}

void ts_alloc_begin(int64_t fail_at)
{
    static const ds_allocator counting = { counting_alloc, counting_release, NULL };

    heap.alive = heap.requests = 0;
    heap.fail_at = fail_at;
    ds_set_allocator(&counting);
}

int64_t ts_alloc_end(void)
{
    ds_set_allocator(NULL);
    return heap.alive;
}

int64_t ts_alloc_requests(void)
{
    return heap.requests;
}
