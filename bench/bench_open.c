/* bench_open.c - a single file of full size: how long it takes to open, what it costs in memory, and whether its
 * networks are those of the folder that holds the same weights.
 *
 *   bench_open [-d f32|f16] [-m FOLDER]
 *
 * Stable Diffusion 1.5's topology with random weights, as a folder and as the single file that is exported
 * of it, both kept beside the program (4.3 GB each in f32, 2.1 in f16). Each line is a process of its own, so that
 * memory is its own too. "cold": the file's pages were given back to the system first. */

#include <diffuscope/export.h>
#include <diffuscope/model.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 16, TOKENS = 77, WIDTH = 768, NUMBERS = 4 * SIDE * SIDE };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(ds_status st, const ds_error *err)
{
    if (st != DS_OK) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Megabytes of the process: its own (not of mapped files), and all that is resident. */
static void tell_memory(double *own, double *all)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double kb;

    *own = *all = 0.0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "RssAnon: %lf", &kb) == 1)
            *own = kb / 1024.0;
        if (sscanf(line, "VmRSS: %lf", &kb) == 1)
            *all = kb / 1024.0;
    }
    if (f != NULL)
        fclose(f);
}

static void give_back(const char *path)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return;
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

/* ---- what is measured -------------------------------------------------------------------------- */

typedef struct subject {
    const char *path, *config, *name;
} subject;

/* Where a UNet's answer goes, and the largest difference of two of them. */
static void answer_path(char path[800], const char *name)
{
    snprintf(path, 800, "/tmp/diffuscope-bench-open-%d-%s", (int)getppid(), name);
}

static double difference(void)
{
    float x[2][NUMBERS];
    double worst = 0.0;

    for (int i = 0; i < 2; i++) {
        char path[800];
        FILE *f;

        snprintf(path, sizeof path, "/tmp/diffuscope-bench-open-%d-%s", (int)getpid(),
                 i == 0 ? "file" : "folder");
        f = fopen(path, "rb");
        if (f == NULL || fread(x[i], sizeof(float), NUMBERS, f) != NUMBERS)
            return INFINITY;
        fclose(f);
        unlink(path);
    }
    for (int i = 0; i < NUMBERS; i++)
        worst = fmax(worst, fabs((double)x[0][i] - x[1][i]));
    return worst;
}

static ds_model *open_it(const subject *s)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_model *m = NULL;

    o.config = s->config;
    must(ds_model_open(&m, s->path, &o, &err), &err);
    return m;
}

static void open_only(const subject *s, const char *state)
{
    double own, all, before, rest, start;
    ds_model *m;

    tell_memory(&before, &rest);
    start = now();
    m = open_it(s);
    start = now() - start;
    tell_memory(&own, &all);
    printf("open %-8s %-5s %6.3f s, %6.1f MB of its own, %6.1f MB resident\n", s->name, state,
           start, own - before, all - rest);
    ds_model_close(m);
}

static void add_input(ds_bundle *b, const char *name, int rank, const int64_t *dim, float step)
{
    ds_error err = { 0 };
    ds_tensor *t;

    must(ds_bundle_add(b, name, DS_DTYPE_F32, rank, dim, &t, &err), &err);
    for (int64_t i = 0; i < ds_tensor_count(t); i++)
        ((float *)t->data)[i] = step == 0.0f ? 500.0f : (float)sin(step * (double)i) * 1.4f;
}

static void run_unet(const subject *s)
{
    const int64_t latent[] = { 1, 4, SIDE, SIDE }, text[] = { 1, TOKENS, WIDTH }, one[] = { 1 };
    ds_model *m = open_it(s);
    ds_bundle *in, *out;
    ds_error err = { 0 };
    double own, all;
    char path[800];
    FILE *f;

    must(ds_bundle_new(&in, &err), &err);
    must(ds_bundle_new(&out, &err), &err);
    add_input(in, "sample", 4, latent, 0.37f);
    add_input(in, "encoder_hidden_states", 3, text, 0.73f);
    add_input(in, "timestep", 1, one, 0.0f);
    must(ds_model_forward(m, "unet", in, NULL, 0, NULL, 0, out, &err), &err);
    answer_path(path, s->name);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(ds_bundle_at(out, 0)->data, sizeof(float), NUMBERS, f) != NUMBERS)
        exit(1);
    fclose(f);
    tell_memory(&own, &all);
    printf("unet %-8s       %6.1f MB of its own after one call\n", s->name, own);
    ds_bundle_free(in);
    ds_bundle_free(out);
    ds_model_close(m);
}

/* In a program of its own: memory that was freed before would hide what is taken. */
static void in_child(const char *what, const char *path, const char *config, const char *name)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "bench_open", "-x", what, path, config, name, (char *)NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        exit(1);
}

/* The child's side: -x WHAT PATH CONFIG NAME; a config of "" is none. */
static int measure(char **arg)
{
    const subject s = { arg[1], arg[2][0] != '\0' ? arg[2] : NULL, arg[3] };

    if (strcmp(arg[0], "unet") == 0)
        run_unet(&s);
    else
        open_only(&s, arg[0]);
    return 0;
}

/* ---- the two models ---------------------------------------------------------------------------- */

static void make(const char *folder, const char *file, ds_dtype dtype)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    ds_error err = { 0 };
    struct stat there;
    char index[700];
    ds_model *m;

    snprintf(index, sizeof index, "%s/model_index.json", folder);
    o.like = "sd15";
    o.dtype = dtype;
    if (stat(index, &there) != 0)
        must(ds_model_create(folder, &o, NULL, &err), &err);
    if (stat(file, &there) == 0)
        return;
    must(ds_model_open(&m, folder, NULL, &err), &err);
    must(ds_model_export(m, file, NULL, &err), &err);
    ds_model_close(m);
}

int main(int argc, char **argv)
{
    ds_dtype dtype = DS_DTYPE_F32;
    char folder[600], file[700], unet[700];
    const char *given = NULL;
    struct stat size;
    double worst = 0.0;
    int opt;

    if (argc == 6 && strcmp(argv[1], "-x") == 0)
        return measure(argv + 2);
    while ((opt = getopt(argc, argv, "d:m:")) != -1) {
        if (opt == 'd')
            dtype = strcmp(optarg, "f16") == 0 ? DS_DTYPE_F16 : DS_DTYPE_F32;
        else if (opt == 'm')
            given = optarg;
        else
            return 2;
    }
    snprintf(folder, sizeof folder, "%s-%s", argv[0], dtype == DS_DTYPE_F16 ? "f16" : "f32");
    snprintf(file, sizeof file, "%s.safetensors", folder);
    if (given != NULL)
        snprintf(folder, sizeof folder, "%s", given);
    snprintf(unet, sizeof unet, "%s/unet/diffusion_pytorch_model.safetensors", folder);
    make(folder, file, dtype);
    if (stat(file, &size) != 0)
        return 1;
    printf("single file of %.2f GB\n", (double)size.st_size / 1e9);
    give_back(file);
    give_back(unet);
    in_child("cold", file, "", "file");
    in_child("warm", file, "", "file");
    in_child("warm", folder, "", "folder");
    in_child("unet", folder, "", "folder");
    in_child("unet", file, folder, "file");
    worst = difference();
    printf("unet of the file less that of the folder: at most %g\n", worst);
    return worst == 0.0 ? 0 : 1;
}
