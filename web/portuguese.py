"""Portuguese for the words of the page."""

PORTUGUESE: dict[str, str] = {
    # head, foot and tabs
    "What a joint diffusion model sees in a red blood cell": "O que um modelo de difusão conjunto vê numa hemácia",
    "Research use only, not for diagnosis": "Somente para pesquisa, não para diagnóstico",
    "Research use only, not for diagnosis.": "Somente para pesquisa, não para diagnóstico.",
    "One cell": "Uma célula",
    "Many cells": "Várias células",
    "How to read this": "Como ler esta página",
    "Glossary": "Glossário",
    # upload
    "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:": (
        "Envie uma hemácia de um esfregaço delgado corado com Giemsa, ou escolha um exemplo. Você obtém:"
    ),
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;": (
        "dois veredictos: o de um classificador e o da verossimilhança da célula em cada classe;"
    ),
    "a map of where the evidence lies;": "um mapa de onde estão os indícios;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.": (
        "a pedido, a menor edição que muda o veredicto: o parasita removido, ou acrescentado."
    ),
    "Cell": "Célula",
    "Drop a cell image here or click to upload": "Solte aqui a imagem de uma célula ou clique",
    "What was found": "O que foi encontrado",
    "Use the picture as it is": "Usar a imagem como está",
    "Examples, drawn by the model": "Exemplos, desenhados pelo modelo",
    "Upload a cell first: this page no longer holds one.": "Envie primeiro uma célula: esta página já não tem nenhuma.",
    # settings
    "Advanced": "Opções",
    "Draws": "Sorteios",
    "More are slower and more precise": "Mais sorteios: mais lento e mais preciso",
    "Seed": "Semente",
    "Same seed, same numbers": "Mesma semente, mesmos números",
    "Explain again": "Explicar de novo",
    "Strength of the edit": "Força da edição",
    "Smallest change that flips": "A menor mudança que inverte",
    "Fixed strength": "Força fixa",
    "Starting noise, in steps": "Ruído inicial, em passos",
    "Guidance": "Orientação",
    # verdicts
    "Parasitized": "Parasitada",
    "Uninfected": "Não infectada",
    "Classifier": "Classificador",
    "Likelihood": "Verossimilhança",
    "Comparing how likely the cell is under each class …": "Comparando a verossimilhança em cada classe …",
    "Both verdicts agree; by likelihood {share}.": "Os dois veredictos concordam; por verossimilhança {share}.",
    "The two verdicts disagree": "Os dois veredictos discordam",
    "Trust neither.": "Não confie em nenhum.",
    "Not sure ({share} {name})": "Incerto ({share} {name})",
    "This does not look like a stained red cell": "Isto não parece uma hemácia corada",
    "The model has seen nothing like it: read nothing into the figures.": (
        "O modelo não viu nada parecido: não conclua nada dos números."
    ),
    # evidence and likelihood
    "Where the evidence lies": "Onde estão os indícios",
    "The cell": "A célula",
    "Evidence map": "Mapa de indícios",
    "Gradient saliency": "Saliência por gradiente",
    "Compare with the classifier’s gradient": "Comparar com o gradiente do classificador",
    "speaks for {label}": "indica {label}",
    "no evidence": "sem indício",
    "weak gradient": "gradiente fraco",
    "strong gradient": "gradiente forte",
    "full colour: {scale} log-odds a pixel": "cor plena: {scale} log-chance por pixel",
    "How likely the cell is under each class": "Verossimilhança da célula em cada classe",
    "{difference} ± {error} nats, {draws} paired draws": "{difference} ± {error} nats, {draws} sorteios pareados",
    "No clear difference between the classes ({numbers}).": "Sem diferença clara entre as classes ({numbers}).",
    "The cell is likelier as {name} (by {numbers}).": "A célula é mais verossímil como {name} (por {numbers}).",
    "ELBO, nats": "ELBO, nats",
    "standard error": "erro padrão",
    "Difference": "Diferença",
    "nats relative to the mean (right: likelier)": "nats em torno da média (à direita: mais verossímil)",
    "How to read the chart": "Como ler o gráfico",
    # edit
    "What would change the verdict": "O que mudaria o veredicto",
    "What would change the verdict?": "O que mudaria o veredicto?",
    "Remove parasite": "Remover o parasita",
    "Add parasite": "Acrescentar um parasita",
    "Stop": "Parar",
    "Stopped. Nothing was kept of the unfinished edit.": "Parado. Nada foi guardado da edição inacabada.",
    "“{button}” is off: the classifier already says {label}.": (
        "“{button}” está desativado: o classificador já diz {label}."
    ),
    "Looking for the way back to noise …": "Procurando o caminho até o ruído …",
    "Two more strengths …": "Mais duas forças …",
    "attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}": (
        "tentativa {attempt} de {attempts}, orientação {guidance}, passo {step} de {steps}"
    ),
    "at most {seconds} s left": "no máximo mais {seconds} s",
    "The edit so far": "A edição até agora",
    "This edit works: classifier and likelihood both say {target} now.": (
        "Esta edição funciona: classificador e verossimilhança dizem agora {target}."
    ),
    "This edit failed: {reason}.": "Esta edição falhou: {reason}.",
    "the classifier gives {target} {share}, short of {least}": (
        "o classificador dá {share} a {target}, menos que {least}"
    ),
    "the likelihood gives {target} {share}, short of {least}": (
        "a verossimilhança dá {share} a {target}, menos que {least}"
    ),
    " and ": " e ",
    "It explains nothing.": "Ela não explica nada.",
    "What you see is the strongest attempt and explains nothing.": "Você vê a tentativa mais forte; não explica nada.",
    "before": "antes",
    "after": "depois",
    "verdict changed": "veredicto mudou",
    "yes": "sim",
    "no": "não",
    "said so before": "já antes",
    "Before | after": "Antes | depois",
    "Slider": "Controle",
    "Alternating": "Alternar",
    "Change map": "Mapa de mudanças",
    "now darker": "mais escuro",
    "unchanged": "igual",
    "now brighter": "mais claro",
    "change in luminance, of 255": "mudança de luminância, em 255",
    "Hide changes below (of 255)": "Ocultar mudanças abaixo de (em 255)",
    "Opacity of the colours (%)": "Opacidade das cores (%)",
    "Outline what changed visibly": "Contornar o que mudou visivelmente",
    "{share} of the cell changed visibly; a pixel moved by {distance} of 255 on average.": (
        "{share} da célula mudou visivelmente; um pixel mudou {distance} de 255 em média."
    ),
    "Guidance {guidance}, attempt {attempt} of at most {attempts}.": (
        "Orientação {guidance}, tentativa {attempt} de no máximo {attempts}."
    ),
    "Likelihood of the edit from {draws} draws.": "Verossimilhança da edição com {draws} sorteios.",
    "Compare a weaker and a stronger edit": "Comparar uma edição mais fraca e uma mais forte",
    "Weaker": "Mais fraca",
    "As above": "Como acima",
    "Stronger": "Mais forte",
    "Turns both verdicts": "Inverte os dois veredictos",
    "Does not turn both verdicts": "Não inverte os dois veredictos",
    "Guidance {guidance}, starting noise {noise}.": "Orientação {guidance}, ruído inicial {noise}.",
    "Keep before and after (animated WebP)": "Guardar antes e depois (WebP animado)",
    "Prepare report": "Preparar relatório",
    "Download report (ZIP)": "Baixar relatório (ZIP)",
    # many cells
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session.": (
        "Solte várias imagens de uma célula cada, ou um ZIP delas. Cada célula recebe os seus veredictos; clique "
        "numa linha da tabela para ver os seus indícios. Nada é guardado depois da sessão."
    ),
    "Images, or a ZIP of them": "Imagens, ou um ZIP delas",
    "Download table (CSV)": "Baixar tabela (CSV)",
    "with edits": "com edições",
    "About a second a cell more": "Cerca de um segundo a mais por célula",
    "Prepare reports (ZIP)": "Preparar relatórios (ZIP)",
    "Download reports (ZIP)": "Baixar relatórios (ZIP)",
    "Reports": "Relatórios",
    "The reports are ready.": "Os relatórios estão prontos.",
    "Stopped. What was done stays:": "Parado. O que foi feito fica:",
    "File": "Arquivo",
    "Verdict": "Veredicto",
    "Remarks": "Observações",
    "Unclear": "Indefinido",
    "not read": "não lido",
    "verdicts disagree": "veredictos discordam",
    "not sure": "incerto",
    "unfamiliar": "estranho ao modelo",
    "several cells": "várias células",
    "no cell found": "nenhuma célula encontrada",
    "{done} of {total}": "{done} de {total}",
    "about {time} left": "faltam cerca de {time}",
    "{count} cell: {verdicts}.": "{count} célula: {verdicts}.",
    "{count} cells: {verdicts}.": "{count} células: {verdicts}.",
    "No cell could be read.": "Nenhuma célula pôde ser lida.",
    "{count} file could not be read; the table says why.": "{count} arquivo não pôde ser lido; a tabela diz por quê.",
    "{count} files could not be read; the table says why.": (
        "{count} arquivos não puderam ser lidos; a tabela diz por quê."
    ),
    "Only the first {taken} of {total} files were taken.": "Só os primeiros {taken} de {total} arquivos foram aceitos.",
}
