/* model_option.c - see model_option.h. */

#include "model_option.h"

#include "say.h"
#include "print.h"

#include <stdio.h>
#include <string.h>

ds_model_options model_options(const ds_args *a)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;

    if (opt_declared(a, "compute")) {
        o.compute = strcmp(opt_text(a, "compute"), "bf16") == 0 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
        o.products =
            strcmp(opt_text(a, "compute"), "ref") == 0 ? DS_PRODUCTS_REFERENCE : DS_PRODUCTS_AUTO;
    }
    if (opt_declared(a, "emphasis")) /* one of the choices: it parses */
        ds_emphasis_parse(&o.emphasis, opt_text(a, "emphasis"), NULL);
    o.config = opt_text(a, "config");
    o.prediction = opt_text(a, "prediction");
    o.vae = opt_text(a, "vae");
    o.text_encoder = opt_text(a, "text-encoder");
    o.text_encoder_2 = opt_text(a, "text-encoder-2");
    return o;
}

ds_status model_from_options(ds_model **out, const ds_args *a, ds_error *err)
{
    const ds_model_options o = model_options(a);
    char *unused = NULL;
    ds_status st = ds_model_open(out, opt_text(a, "model"), &o, err);

    if (st == DS_OK && ds_model_remark(*out) != NULL && !opt_flag(a, "quiet"))
        print_err("diffuscope: %s\n", ds_model_remark(*out));
    if (st != DS_OK)
        return st;
    st = ds_options_add_lora(out, opts_set(a), &unused, err);
    if (st != DS_OK) {
        ds_model_close(*out);
        *out = NULL;
    } else if (unused != NULL && !opt_flag(a, "quiet")) {
        print_err("diffuscope: %s\n", unused);
    }
    ds_free(unused);
    return st;
}

ds_status tokenizer_from_options(ds_tokenizer **out, const ds_args *a, int number, ds_error *err)
{
    const ds_model_options o = model_options(a);
    ds_model *m;
    ds_status st;

    if (opt_declared(a, "embedding") && opt_given(a, "embedding")) { /* words that the files lack */
        st = model_from_options(&m, a, err);
        if (st == DS_OK) {
            st = ds_model_tokenizer(m, out, number, err);
            ds_model_close(m);
        }
    } else {
        st = ds_model_tokenizer_open(out, opt_text(a, "model"), number, &o, err);
    }
    if (st == DS_OK)
        ds_tokenizer_set_emphasis(*out, o.emphasis);
    return st;
}

void remark_on_emphasis(const ds_args *a, const char *prompt)
{
    const bool none = !opt_declared(a, "emphasis") || strcmp(opt_text(a, "emphasis"), "none") == 0;

    if (prompt != NULL && none && ds_prompt_emphasises(prompt))
        remark(a,
               "brackets that other programs read as weights, and BREAK, are plain text in "
               "\"%.80s\"%s",
               prompt, opt_declared(a, "emphasis") ? "; --emphasis a1111 or comfy reads them" : "");
}
