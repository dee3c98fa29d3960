/* names.c - the table of old names.
 *
 * Before diffusers 0.17 the attention of the VAE had a class of its own, whose parameters were
 *   ...attentions.N.{query,key,value,proj_attn}.{weight,bias}
 * and are now those of the common one. Files keep the old names until somebody saves them anew. */

#include "weights/names.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *old_name, *new_name;
} projections[] = {
    { "query", "to_q" },
    { "key", "to_k" },
    { "value", "to_v" },
    { "proj_attn", "to_out.0" },
};

static const char *const idle[] = {
    "text_model.embeddings.position_ids", /* 0, 1, 2, ...: saved by old transformers */
    "vision_model.embeddings.position_ids",
};

/* Whether the parent of the last n characters' component is "attentions.N". */
static bool sits_in_attention(const char *name, size_t n)
{
    static const char folder[] = "attentions.";
    size_t digits = 0;

    if (n == 0 || name[--n] != '.')
        return false;
    while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--, digits++;
    if (digits == 0 || n < sizeof folder - 1)
        return false;
    n -= sizeof folder - 1;
    return memcmp(name + n, folder, sizeof folder - 1) == 0 && (n == 0 || name[n - 1] == '.');
}

/* The projection in "PARENT.PROJECTION.weight" or ".bias": its place and length; false if none. */
static bool find_projection(const char *name, bool old, size_t *entry, size_t *at)
{
    const char *last = strrchr(name, '.');
    size_t end;

    if (last == NULL || (strcmp(last, ".weight") != 0 && strcmp(last, ".bias") != 0))
        return false;
    end = (size_t)(last - name);
    for (size_t i = 0; i < DS_COUNT(projections); i++) {
        const char *p = old ? projections[i].old_name : projections[i].new_name;
        size_t n = strlen(p);

        if (end > n && memcmp(name + end - n, p, n) == 0 && sits_in_attention(name, end - n)) {
            *entry = i;
            *at = end - n;
            return true;
        }
    }
    return false;
}

/* transformers 5 leaves the outer module of a text encoder out, as some early merges did. */
static bool lacks_text_model(const char *name)
{
    static const char *const parts[] = { "embeddings.token_embedding.", "embeddings.position_",
                                         "encoder.layers.", "final_layer_norm." };

    for (size_t i = 0; i < DS_COUNT(parts); i++)
        if (strncmp(name, parts[i], strlen(parts[i])) == 0)
            return true;
    return false;
}

const char *ds__names_modern(const char *name, char *buf, size_t size)
{
    size_t i, at;
    int n;

    if (lacks_text_model(name)) {
        n = snprintf(buf, size, "text_model.%s", name);
        return n > 0 && (size_t)n < size ? buf : name;
    }
    if (!find_projection(name, true, &i, &at))
        return name;
    n = snprintf(buf, size, "%.*s%s%s", (int)at, name, projections[i].new_name,
                 name + at + strlen(projections[i].old_name));
    return n > 0 && (size_t)n < size ? buf : name;
}

void ds__names_flatten(const char *name, ds_tensor *t)
{
    size_t i, at;

    if (t->rank == 4 && t->dim[2] == 1 && t->dim[3] == 1 && find_projection(name, false, &i, &at))
        t->rank = 2;
}

bool ds__names_idle(const char *name)
{
    for (size_t i = 0; i < DS_COUNT(idle); i++)
        if (strcmp(name, idle[i]) == 0)
            return true;
    return false;
}
