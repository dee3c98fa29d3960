/* parameters.c - the `parameters` text chunk of a PNG, in the layout of AUTOMATIC1111's web UI:
 *
 *     prompt
 *     Negative prompt: ...
 *     Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: ..., Model:
 * ...
 *
 * Its readers split the last line at commas; a value that holds one is quoted as a JSON string. */

#include <diffuscope/record.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct text {
    char *data;
    size_t size, used; /* used counts past the end: the first pass measures */
} text;

static void add(text *t, const char *fmt, ...) DS_PRINTF(2, 3);
static void add(text *t, const char *fmt, ...)
{
    size_t room = t->used < t->size ? t->size - t->used : 0;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(room > 0 ? t->data + t->used : NULL, room, fmt, ap);
    va_end(ap);
    t->used += n > 0 ? (size_t)n : 0;
}

static const char *display_name(const char *sampler)
{
    static const char *const names[][2] = {
        { "ddim", "DDIM" },   { "ddpm", "DDPM" },       { "pndm", "PLMS" },
        { "euler", "Euler" }, { "euler_a", "Euler a" }, { "heun", "Heun" },
        { "lms", "LMS" },     { "dpm2", "DPM2" },       { "dpm++2m", "DPM++ 2M" },
    };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (strcmp(sampler, names[i][0]) == 0)
            return names[i][1];
    return sampler;
}

static void add_value(text *t, const char *value)
{
    if (strpbrk(value, ",:\n\"") == NULL) {
        add(t, "%s", value);
        return;
    }
    add(t, "\"");
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            add(t, "\\n");
        else if (*value == '"' || *value == '\\')
            add(t, "\\%c", *value);
        else
            add(t, "%c", *value);
    }
    add(t, "\"");
}

static void compose(text *t, const ds_png_parameters *p)
{
    if (p->prompt != NULL && p->prompt[0] != '\0')
        add(t, "%s\n", p->prompt);
    if (p->negative != NULL && p->negative[0] != '\0')
        add(t, "Negative prompt: %s\n", p->negative);
    add(t, "Steps: %lld, Sampler: ", (long long)p->steps);
    add_value(t, display_name(p->sampler));
    add(t, "%s, CFG scale: %g, Seed: %llu, Size: %lldx%lld", p->karras ? " Karras" : "",
        p->cfg_scale, (unsigned long long)p->seed, (long long)p->width, (long long)p->height);
    if (p->model_sha256 != NULL)
        add(t, ", Model hash: %.10s", p->model_sha256);
    if (p->model != NULL) {
        add(t, ", Model: ");
        add_value(t, p->model);
    }
    if (p->strength >= 0.0)
        add(t, ", Denoising strength: %g", p->strength);
    add(t, ", Version: diffuscope %s", DS_VERSION);
}

ds_status ds_png_parameters_text(char **out, const ds_png_parameters *p, ds_error *err)
{
    text t = { 0 };

    *out = NULL;
    if (p->sampler == NULL)
        return ds_fail(err, DS_E_ARG, "parameters: expected the name of a sampler, found none");
    compose(&t, p);
    t.size = t.used + 1;
    t.data = ds_alloc(t.size);
    if (t.data == NULL)
        return ds_fail(err, DS_E_NOMEM, "parameters: %zu bytes", t.size);
    t.used = 0;
    compose(&t, p);
    *out = t.data;
    return DS_OK;
}
