/* sampler_table.c - the samplers by name, each with the formulas of its own file. */

#include "pipeline/sampler_impl.h"

const ds_sampler_class ds__samplers[] = {
    { "ddim", "DDIMScheduler", DS_DDIM, { 0 }, FORM_ALPHA, 1, ds__plan_alpha, ds__ddim },
    { "ddpm", "DDPMScheduler", DS_DDPM, { 0 }, FORM_ALPHA, 1, ds__plan_alpha, ds__ddpm },
    { "pndm", "PNDMScheduler", DS_PNDM, { "plms" }, FORM_ALPHA, 1, ds__plan_pndm, ds__pndm },
    { "euler", "EulerDiscreteScheduler", DS_EULER, { "keuler" }, FORM_SIGMA, 1, ds__plan_sigma, ds__euler },
    { "euler_a", "EulerAncestralDiscreteScheduler", DS_EULER_A, { "eulerancestral", "keulera" }, FORM_SIGMA, 1, ds__plan_sigma, ds__euler_a },
    { "heun", "HeunDiscreteScheduler", DS_HEUN, { "kheun" }, FORM_SIGMA, 2, ds__plan_heun, ds__heun },
    { "lms", "LMSDiscreteScheduler", DS_LMS, { "klms" }, FORM_SIGMA, 1, ds__plan_sigma, ds__lms },
    { "dpm++2m", "DPMSolverMultistepScheduler", DS_DPMPP_2M, { "dpmpp2m", "kdpmpp2m" }, FORM_LOGSNR, 1, ds__plan_logsnr, ds__dpmpp_2m },
    { "dpm++2s", "DPMSolverSinglestepScheduler", DS_DPMPP_2S, { "dpmpp2s" }, FORM_LOGSNR, 1, ds__plan_logsnr, ds__dpmpp_2s },
    { "dpm2", "KDPM2DiscreteScheduler", DS_DPM2, { "kdpm2" }, FORM_SIGMA, 2, ds__plan_dpm2, ds__dpm2 },
    { "dpm2_a", "KDPM2AncestralDiscreteScheduler", DS_DPM2_A, { "dpm2ancestral", "kdpm2a" }, FORM_SIGMA, 2, ds__plan_dpm2, ds__dpm2_a },
    { "unipc", "UniPCMultistepScheduler", DS_UNIPC, { 0 }, FORM_LOGSNR, 1, ds__plan_logsnr, ds__unipc },
    { "deis", "DEISMultistepScheduler", DS_DEIS, { 0 }, FORM_LOGSNR, 1, ds__plan_logsnr, ds__deis },
    { "lcm", "LCMScheduler", DS_LCM, { 0 }, FORM_ALPHA, 1, ds__plan_few, ds__lcm },
    { "tcd", "TCDScheduler", DS_TCD, { 0 }, FORM_ALPHA, 1, ds__plan_few, ds__tcd },
    { "ddim-inverse", "DDIMInverseScheduler", DS_DDIM_INVERSE, { 0 }, FORM_ALPHA, 1, ds__plan_inverse, ds__ddim_inverse },
};
const int ds__sampler_count = DS_COUNT(ds__samplers);
