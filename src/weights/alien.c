/* alien.c - see alien.h. */

#include "weights/alien.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *start;
    size_t bytes;
    const char *what;
} kinds[] = {
#define STARTS(text) text, sizeof(text) - 1
    { STARTS("\x89PNG"), "a PNG picture" },
    { STARTS("\xff\xd8\xff"), "a JPEG picture" },
    { STARTS("RIFF"), "a WebP picture or another RIFF file" },
    { STARTS("GGUF"), "a GGUF file, which is not read; what is read is .safetensors and .ckpt" },
    { STARTS("lmgg"), "a GGML file, which is not read; what is read is .safetensors and .ckpt" },
    { STARTS("version https://git-lfs"),
      "a pointer of Git LFS, not the file that it stands for: fetch that with `git lfs pull`" },
    { STARTS("<!"), "a web page: the download gave a page (a login, an error), not the file" },
    { STARTS("<html"), "a web page: the download gave a page (a login, an error), not the file" },
    { STARTS("<HTML"), "a web page: the download gave a page (a login, an error), not the file" },
    { STARTS("<?xml"), "an XML file" },
    { STARTS("{"), "a JSON file" },
    { STARTS("\x93NUMPY"), "a NumPy array" },
    { STARTS("\x89HDF"), "an HDF5 file" },
    { STARTS("\x1f\x8b"), "a gzip archive: unpack it first" },
    { STARTS("7z\xbc\xaf"), "a 7z archive: unpack it first" },
    { STARTS("Rar!"), "a RAR archive: unpack it first" },
    { STARTS("\x80\x02"), "a Python pickle that is no checkpoint of PyTorch" },
    { STARTS("\x80\x04"), "a Python pickle that is no checkpoint of PyTorch" },
    { STARTS("\x7f"
             "ELF"),
      "a program" },
#undef STARTS
};

/* A safetensors file begins with the length of its header, and its header with a brace. */
static bool may_be_safetensors(const unsigned char *head, size_t n)
{
    return n >= 9 && head[8] == '{' && head[5] == 0 && head[6] == 0 && head[7] == 0;
}

const char *ds__alien_kind(const unsigned char *head, size_t n)
{
    size_t text = 0;

    if (n == 0)
        return "an empty file";
    if (may_be_safetensors(head, n))
        return NULL;
    for (size_t i = 0; i < DS_COUNT(kinds); i++)
        if (n >= kinds[i].bytes && memcmp(head, kinds[i].start, kinds[i].bytes) == 0)
            return kinds[i].what;
    while (text < n &&
           (head[text] >= 0x20 || head[text] == '\n' || head[text] == '\r' || head[text] == '\t'))
        text++;
    return text == n ? "a text file" : NULL;
}

ds_status ds__alien_refuse(const char *path, ds_error *err)
{
    unsigned char head[64];
    FILE *f = fopen(path, "rb");
    size_t n = f != NULL ? fread(head, 1, sizeof head, f) : 0;
    const char *what;

    if (f == NULL)
        return DS_OK;
    fclose(f);
    what = ds__alien_kind(head, n);
    if (what == NULL)
        return DS_OK;
    ds_fail(err, DS_E_FORMAT, "%s: expected weights (.safetensors, .ckpt or .pt), found %s", path,
            what);
    return ds_fail_at(err, DS_E_FORMAT, path, -1);
}

bool ds__alien_weights_in(char name[256], const char *folder)
{
    static const char *const ends[] = { ".safetensors", ".ckpt" };
    DIR *d = opendir(folder);
    const struct dirent *e;
    bool found = false;

    while (d != NULL && (e = readdir(d)) != NULL)
        for (size_t i = 0; i < DS_COUNT(ends); i++)
            if (ds__ends_with(e->d_name, ends[i]) &&
                (!found || strcmp(e->d_name, name) < 0)) { /* the same one each time */
                snprintf(name, 256, "%s", e->d_name);
                found = true;
            }
    if (d != NULL)
        closedir(d);
    return found;
}
