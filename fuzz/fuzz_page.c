/* Any bytes as the body of a foreign page. What may come into ours runs nothing, loads nothing and leads nowhere, is
 * properly nested, and is left as it is by a second cleaning. */

#include "fuzz/support.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "report/page.h"

static char *clean(const char *text, size_t n)
{
    ds_buffer b = { 0 };
    char *out = NULL;

    ds__page_clean(&b, text, text + n);
    FZ_HOLDS(ds__buffer_take(&b, &out, NULL, "page", NULL) == DS_OK);
    return out;
}

/* A tag from `at`, which stands on "<": its attributes are names with values in double quotes. */
static const char *check_tag(const char *at, int *depth)
{
    static const char *const never[] = { "<meta",   "<base",  "<form", "<iframe",
                                         "<object", "<embed", "<link", "<body" };
    const bool closes = at[1] == '/';
    const char *p = at + 1 + closes;

    for (size_t i = 0; i < DS_COUNT(never); i++)
        FZ_HOLDS(strncasecmp(at, never[i], strlen(never[i])) != 0);
    FZ_HOLDS(islower((unsigned char)*p));
    while (isalnum((unsigned char)*p))
        p++;
    while (*p == ' ') {
        const char *name = ++p;

        while (isalnum((unsigned char)*p) || *p == '-')
            p++;
        FZ_HOLDS(p > name && strncasecmp(name, "on", 2) != 0 && strncasecmp(name, "style", 5) != 0);
        if (*p != '=')
            continue;
        FZ_HOLDS(p[1] == '"');
        if (strncmp(name, "href", 4) == 0)
            FZ_HOLDS(p[2] == '#');
        if (strncmp(name, "src=", 4) == 0)
            FZ_HOLDS(strncmp(p + 2, "data:image/", 11) == 0);
        p = strchr(p + 2, '"');
        FZ_HOLDS(p != NULL);
        p++;
    }
    *depth += closes ? -1
              : strncmp(p, "/>", 2) == 0 || strncmp(at, "<br", 3) == 0 ||
                      strncmp(at, "<img", 4) == 0 || strncmp(at, "<input", 6) == 0
                  ? 0
                  : 1;
    FZ_HOLDS(*depth >= 0);
    p += *p == '/';
    FZ_HOLDS(*p == '>');
    return p + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = ds_alloc(size + 1), *once, *twice;
    int depth = 0;

    memcpy(text, data, size);
    text[size] = '\0';
    once = clean(text, strlen(text));
    for (const char *p = once; *p != '\0';)
        p = *p == '<' ? check_tag(p, &depth) : p + 1;
    FZ_HOLDS(depth == 0);
    twice = clean(once, strlen(once));
    FZ_HOLDS(strcmp(once, twice) == 0);
    ds_free(text);
    ds_free(once);
    ds_free(twice);
    return 0;
}
