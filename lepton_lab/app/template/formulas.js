// Stands where JupyterLab would load MathJax from the internet: the app's pages draw no formulas.
window.MathJax = { Hub: { Config() {}, Configured() {}, Queue() {}, Register: { StartupHook() {} } } };
